package acme_test

import (
	"context"
	"net/http"
	"sync"
	"testing"

	"github.com/neverlapse/neverlapse/internal/ca/acme/pebbletest"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

// A process dies at the first request of each step; another one goes on with
// nothing but the stored account, the CSR and the order URL if it got that far.
func TestACrashAtAnyStepGivesOneCertificate(t *testing.T) {
	t.Parallel()
	for _, step := range pebbletest.Steps {
		t.Run(string(step), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, pebbletest.Options{NonceReject: 5})
			ctx, order := testContext(t), cert.Order{Names: []string{"a.example.com", "b.example.com"}}
			key, csr := newRequest(t, cert.EC256, order.Names...)

			dying, crash := context.WithCancel(ctx)
			defer crash()
			var once sync.Once
			w.OnRequest(func(s string, _ *http.Request) {
				if s == string(step) {
					once.Do(crash)
				}
			})
			if _, err := w.attempt(dying, same(w.client()), &order, csr); err == nil {
				t.Fatal("the crash changed nothing")
			}
			w.OnRequest(nil)

			chain, err := w.issue(ctx, w.client, order, csr) // a new CA object for each step
			if err != nil && step == pebbletest.Challenge && fault.Is(err, fault.Validation) {
				order.URL = "" // the CA looked for the answer while nobody was there to give it
				chain, err = w.issue(ctx, w.client, order, csr)
			}
			if err != nil {
				t.Fatal(err)
			}
			w.checkChain(chain, key, order.Names...)
			if w.Issued() != 1 {
				t.Errorf("the CA issued %d certificates, want 1", w.Issued())
			}
		})
	}
}

func TestRepeatingAFinishedStepChangesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, pebbletest.Options{})
	ctx, order := testContext(t), cert.Order{Names: []string{"a.example.com"}}
	_, csr := newRequest(t, cert.EC256, order.Names...)
	first, err := w.issue(ctx, w.client, order, csr)
	if err != nil {
		t.Fatal(err)
	}
	if order.URL, err = w.client().Order(ctx, cert.Order{Names: order.Names}); err != nil {
		t.Fatal(err)
	}
	var chains [2][]byte
	for i := range chains {
		if url, err := w.client().Order(ctx, order); err != nil || url != order.URL {
			t.Fatalf("order %s became %s: %v", order.URL, url, err)
		}
		if err := w.client().Authorize(ctx, cert.Order{URL: order.URL}, nil); err != nil {
			t.Fatal(err)
		}
		if chains[i], err = w.client().Finalize(ctx, order.URL, csr, nil); err != nil {
			t.Fatal(err)
		}
	}
	if string(chains[0]) != string(chains[1]) || string(chains[0]) == string(first) {
		t.Error("the same order gave two certificates, or two orders one")
	}
	if w.Issued() != 2 {
		t.Errorf("the CA issued %d certificates, want 2", w.Issued())
	}
	_, other := newRequest(t, cert.EC256, order.Names...)
	_, err = w.client().Finalize(ctx, order.URL, other, nil)
	wantKind(t, err, fault.NotFound) // that certificate's key is not ours
}

func TestAnOrderThatCannotBeUsedIsNotFound(t *testing.T) {
	t.Parallel()
	w := newWorld(t, pebbletest.Options{})
	c, ctx, names := w.client(), testContext(t), []string{"a.example.com"}
	url, err := c.Order(ctx, cert.Order{Names: names})
	if err != nil {
		t.Fatal(err)
	}
	for what, order := range map[string]cert.Order{
		"gone":        {Names: names, URL: url + "x"},
		"other names": {Names: []string{"b.example.com"}, URL: url},
		"other CA":    {Names: names, URL: "https://ca.example.com/order/1"},
	} {
		_, err := c.Order(ctx, order)
		if !fault.Is(err, fault.NotFound) {
			t.Errorf("%s: %v", what, err)
		}
	}
	w.options.Email = "another@example.com"
	_, err = w.client().Order(ctx, cert.Order{Names: names, URL: url})
	wantKind(t, err, fault.NotFound) // another account's
}
