package acme_test

import (
	"crypto/x509"
	"net/http"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/ca/acme"
	"github.com/neverlapse/neverlapse/internal/ca/acme/pebbletest"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

var _ activities.RenewalInformer = (*acme.CA)(nil)

func (w *world) issued(c *acme.CA) (chain []byte, leaf *x509.Certificate) {
	w.t.Helper()
	key, csr := newRequest(w.t, cert.EC256, "a.example.com")
	chain, err := w.issue(testContext(w.t), same(c), cert.Order{Names: []string{"a.example.com"}}, csr)
	if err != nil {
		w.t.Fatal(err)
	}
	return chain, w.checkChain(chain, key, "a.example.com")
}

func TestTheCASaysWhenToRenewWhatItKnows(t *testing.T) {
	t.Parallel()
	w := newWorld(t, pebbletest.Options{})
	c, ctx := w.client(), testContext(t)
	chain, leaf := w.issued(c)
	window, wait, err := c.RenewalInfo(ctx, chain)
	if err != nil {
		t.Fatal(err)
	}
	if wait != 6*time.Hour && wait.Round(time.Second) != 6*time.Hour {
		t.Errorf("to be asked again in %s, Pebble says 6h", wait)
	}
	if !window.End.After(window.Start) || window.Start.Before(leaf.NotBefore) || window.End.After(leaf.NotAfter) {
		t.Errorf("window %+v of a life from %s to %s", window, leaf.NotBefore, leaf.NotAfter)
	}

	moved := `{"suggestedWindow":{"start":"2026-01-02T03:04:05Z","end":"2026-01-03T12:00:00+09:00"},"explanationURL":"https://ca.test/incident"}`
	if err := w.SetRenewalInfo(leaf, moved); err != nil {
		t.Fatal(err)
	}
	want := cert.Window{Start: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), End: time.Date(2026, 1, 3, 3, 0, 0, 0, time.UTC), Explanation: "https://ca.test/incident"}
	if window, _, err = c.RenewalInfo(ctx, chain); err != nil || window != want {
		t.Errorf("the window moved to %+v, %v; want %+v", window, err, want)
	}

	// Another CA does not know the leaf: it must be the ID that it goes by.
	other := newWorld(t, pebbletest.Options{})
	_, _, err = other.client().RenewalInfo(ctx, chain)
	wantKind(t, err, fault.NotFound)
}

func TestRenewalInfoThatMakesNoSenseIsToldAsSuch(t *testing.T) {
	t.Parallel()
	w := newWorld(t, pebbletest.Options{})
	c, ctx := w.client(), testContext(t)
	chain, leaf := w.issued(c)
	for body, text := range map[string]string{
		"<html>":                  "no renewal information",
		`{}`:                      `the start of the suggested window, "", is no time`,
		`{"suggestedWindow":"x"}`: "no renewal information",
		`{"suggestedWindow":{"start":"2026-01-02T03:04:05Z","end":"soon\u202e"}}`: "is no time",
	} {
		if err := w.SetRenewalInfo(leaf, body); err != nil {
			t.Fatal(err)
		}
		_, _, err := c.RenewalInfo(ctx, chain)
		wantKind(t, err, fault.Invalid)
		wantText(t, err, text)
	}
	for _, hostile := range []string{"javascript:alert(1)", "https://user:secret@ca.test/", "https://ca.test/\\u202ex", "/here"} {
		body := `{"suggestedWindow":{"start":"2026-01-02T03:04:05Z","end":"2026-01-03T03:04:05Z"},"explanationURL":"` + hostile + `"}`
		if err := w.SetRenewalInfo(leaf, body); err != nil {
			t.Fatal(err)
		}
		if got, _, err := c.RenewalInfo(ctx, chain); err != nil || got.Explanation != "" {
			t.Errorf("%s is kept as %q, %v", hostile, got.Explanation, err)
		}
	}
}

func TestWhatARenewalInfoServerRefusesStopsNoOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t, pebbletest.Options{})
	chain, _ := w.issued(w.client())
	f := newFakeCA(t)
	f.directory = map[string]any{"renewalInfo": f.URL + "/ari"}
	f.ari = func(rw http.ResponseWriter) {
		rw.Header().Set("Retry-After", "1000000000")
		rw.WriteHeader(http.StatusTooManyRequests)
	}
	c, err := acme.New("fake", f.options(t), &accounts{}, acme.Ways{HTTP: w.listener})
	if err != nil {
		t.Fatal(err)
	}
	ctx := testContext(t)
	_, wait, err := c.RenewalInfo(ctx, chain)
	wantKind(t, err, fault.Unavailable)
	if wait < 24*time.Hour {
		t.Errorf("to be asked again in %s", wait)
	}
	if _, err := c.Order(ctx, cert.Order{Names: []string{"a.example.com"}}); err != nil {
		t.Errorf("an order is refused: %v", err)
	}
	f.directory = nil
	c, err = acme.New("fake", f.options(t), &accounts{}, acme.Ways{HTTP: w.listener})
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = c.RenewalInfo(ctx, chain)
	wantKind(t, err, fault.NotFound)
}
