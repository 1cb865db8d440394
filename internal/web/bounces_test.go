package web

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/neverlapse/neverlapse/internal/fault"
)

func TestBouncesAreTakenFromWhoeverHasTheToken(t *testing.T) {
	var took []string
	var err error
	h := BounceHandler(BounceConfig{Token: "s3cret-of-twenty-chars", Log: slog.New(slog.DiscardHandler), Take: func(_ context.Context, body []byte, isMail bool) error {
		if isMail {
			body = append([]byte("mail:"), body...)
		}
		took = append(took, string(body))
		return err
	}})
	post := func(method, kind string, login func(*http.Request)) int {
		r := httptest.NewRequest(method, BouncePath, strings.NewReader("{}"))
		r.Header.Set("Content-Type", kind)
		login(r)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Code
	}
	bearer := func(r *http.Request) { r.Header.Set("Authorization", "Bearer s3cret-of-twenty-chars") }
	basic := func(r *http.Request) { r.SetBasicAuth("ses", "s3cret-of-twenty-chars") }
	for _, refused := range []func(*http.Request){func(*http.Request) {}, func(r *http.Request) { r.SetBasicAuth("s3cret-of-twenty-chars", "") }, func(r *http.Request) { r.Header.Set("Authorization", "Bearer s3cret") }} {
		if got := post(http.MethodPost, "application/json", refused); got != http.StatusUnauthorized {
			t.Errorf("answered %d", got)
		}
	}
	if got := post(http.MethodGet, "", bearer); got != http.StatusMethodNotAllowed || len(took) != 0 {
		t.Errorf("GET is answered %d, took %v", got, took)
	}
	for _, login := range []func(*http.Request){bearer, basic} {
		if got := post(http.MethodPost, "message/rfc822; charset=utf-8", login); got != http.StatusOK {
			t.Errorf("answered %d", got)
		}
	}
	if len(took) != 2 || took[0] != "mail:{}" {
		t.Errorf("took %q", took)
	}
	for fails, want := range map[error]int{fault.New(fault.Invalid, "what is this?"): http.StatusBadRequest, errors.New("the store is away"): http.StatusInternalServerError} {
		err = fails
		if got := post(http.MethodPost, "text/plain; charset=UTF-8", bearer); got != want {
			t.Errorf("%v is answered %d, want %d", fails, got, want)
		}
	}
}
