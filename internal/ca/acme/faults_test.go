package acme_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/ca/acme/pebbletest"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

// Every step of the protocol fails once in every way; the certificate comes
// all the same, and the CA has issued exactly one.
func TestOneFaultAnywhereStillGivesOneCertificate(t *testing.T) {
	t.Parallel()
	for _, step := range pebbletest.Steps {
		for _, how := range pebbletest.Hows {
			t.Run(fmt.Sprintf("%s %s", step, how), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, pebbletest.Options{NonceReject: 5})
				w.options.RequestTimeout = 3 * time.Second // what a hanging answer costs
				w.FailAt(step, how)
				key, csr := newRequest(t, cert.EC256, "a.example.com")
				chain, err := w.issue(testContext(t), same(w.client()), cert.Order{Names: []string{"a.example.com"}}, csr)
				if err != nil {
					t.Fatal(err)
				}
				w.checkChain(chain, key, "a.example.com")
				if w.Failed(step) != 1 {
					t.Errorf("the fault happened %d times, want once", w.Failed(step))
				}
				if w.Issued() != 1 {
					t.Errorf("the CA issued %d certificates, want 1", w.Issued())
				}
				if len(w.accounts.all) != 1 {
					t.Errorf("%d accounts, want 1", len(w.accounts.all))
				}
			})
		}
	}
}

func TestACADownIsUnavailableAndComesBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, pebbletest.Options{})
	c, ctx := w.client(), testContext(t)
	order := cert.Order{Names: []string{"a.example.com"}}
	w.SetDown(true)
	_, err := c.Order(ctx, order)
	wantKind(t, err, fault.Unavailable)
	w.SetDown(false)
	url, err := c.Order(ctx, order)
	if err != nil {
		t.Fatal(err)
	}
	w.SetDown(true) // with connections and nonces at hand
	wantDown := func(err error) {
		t.Helper()
		if kind := fault.KindOf(err); err == nil || (kind != fault.Unavailable && kind != fault.Transient) {
			t.Fatalf("got %v", err)
		}
	}
	wantDown(c.Authorize(ctx, cert.Order{URL: url}, nil))
	_, err = c.Order(ctx, order)
	wantKind(t, err, fault.Unavailable)
	w.SetDown(false)
	if err := c.Authorize(ctx, cert.Order{URL: url}, nil); err != nil {
		t.Fatal(err)
	}
	_, csr := newRequest(t, cert.EC256, order.Names...)
	if _, err := c.Finalize(ctx, url, csr, nil); err != nil {
		t.Fatal(err)
	}
	if w.Issued() != 1 {
		t.Errorf("the CA issued %d certificates, want 1", w.Issued())
	}
}

func TestNothingIsSentBeforeRetryAfter(t *testing.T) {
	t.Parallel()
	for _, status := range []int{429, 503} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, pebbletest.Options{})
			c, ctx := w.client(), testContext(t)
			order := cert.Order{Names: []string{"a.example.com"}}
			if _, err := c.Order(ctx, order); err != nil { // account and directory are there
				t.Fatal(err)
			}
			var seen recorder
			w.OnRequest(seen.saw)
			w.SetRetryAfter(status, 3)
			asked := time.Now()
			_, err := c.Order(ctx, order)
			wantKind(t, err, fault.Unavailable)
			until := fault.RetryAt(err)
			if until.Before(asked.Add(2*time.Second)) || until.After(time.Now().Add(3*time.Second)) {
				t.Fatalf("retry at %s, asked at %s for 3 s", until, asked)
			}
			w.SetRetryAfter(0, 0)
			before := seen.count()
			for _, names := range [][]string{{"a.example.com"}, {"other.example.com"}} {
				_, err = c.Order(ctx, cert.Order{Names: names})
				if now := time.Now(); now.Before(until) {
					wantKind(t, err, fault.Unavailable)
					if !fault.RetryAt(err).Equal(until) {
						t.Errorf("retry at %s, want %s", fault.RetryAt(err), until)
					}
				}
			}
			<-time.After(time.Until(until))
			if _, err := c.Order(ctx, order); err != nil {
				t.Fatal(err)
			}
			seen.mu.Lock()
			defer seen.mu.Unlock()
			for _, at := range seen.all[before:] {
				if at.Before(until) {
					t.Errorf("a request arrived %s before the date", until.Sub(at))
				}
			}
		})
	}
}
