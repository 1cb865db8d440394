package web

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
)

func get(t *testing.T, h http.Handler) (*httptest.ResponseRecorder, Readiness) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil))
	var out Readiness
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
		t.Fatalf("%s: %v", w.Body, err)
	}
	return w, out
}

func TestHealthzSaysThatTheProcessIsUp(t *testing.T) {
	if w, _ := get(t, Healthz()); w.Code != http.StatusOK || w.Header().Get("Content-Type") != "application/json" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestReadyzNeedsEveryCheckAndNamesEach(t *testing.T) {
	good := Check{Name: "temporal", Run: func(context.Context) error { return nil }}
	bad := Check{Name: "store", Run: func(context.Context) error { return errors.New("disk\x1b full") }}
	if w, out := get(t, Readyz(good)); w.Code != http.StatusOK || !out.Ready {
		t.Errorf("%d %+v", w.Code, out)
	}
	w, out := get(t, Readyz(good, bad))
	want := Readiness{Checks: []CheckResult{{Name: "temporal", OK: true}, {Name: "store", Error: `disk\x1b full`}}}
	if diff := cmp.Diff(want, out); diff != "" || w.Code != http.StatusServiceUnavailable {
		t.Errorf("%d %s", w.Code, diff)
	}
}

func TestReadyzShowsWhatIsAdvisoryAndDoesNotCountIt(t *testing.T) {
	away := Check{Name: "slack: ops", Run: func(context.Context) error { return errors.New("not connected yet") }, Advisory: true}
	w, out := get(t, Readyz(away))
	want := Readiness{Ready: true, Checks: []CheckResult{{Name: "slack: ops", Error: "not connected yet", Advisory: true}}}
	if diff := cmp.Diff(want, out); diff != "" || w.Code != http.StatusOK {
		t.Errorf("%d %s", w.Code, diff)
	}
}

func TestReadyzDoesNotWaitForACheckThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		stuck := Check{Name: "temporal", Run: func(context.Context) error { <-release; return nil }}
		w, out := get(t, Readyz(stuck))
		close(release)
		if w.Code != http.StatusServiceUnavailable || out.Checks[0].Error != context.DeadlineExceeded.Error() {
			t.Errorf("%d %+v", w.Code, out)
		}
	})
}
