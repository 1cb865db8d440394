package acme_test

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/ca/acme"
	"github.com/neverlapse/neverlapse/internal/ca/acme/pebbletest"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

var _ activities.Settler = (*acme.CA)(nil)

// ordered gives an authorized order, and its request.
func (w *world) ordered(ctx context.Context) (order cert.Order, key cert.Pair, csr []byte) {
	w.t.Helper()
	order.Names = []string{"a.example.com"}
	signer, csr := newRequest(w.t, cert.EC256, order.Names...)
	pem, err := cert.EncodeKey(signer)
	if err == nil {
		order.URL, err = w.client().Order(ctx, order)
	}
	if err == nil {
		err = w.client().Authorize(ctx, order, nil)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return order, cert.Pair{Key: pem}, csr
}

// Pebble issues, and its answer to finalize is lost in every way in which it can be.
func TestAnOrderWhoseAnswerWasLostIsSettledByItsCertificate(t *testing.T) {
	t.Parallel()
	for _, how := range []pebbletest.How{pebbletest.Reset, pebbletest.HalfBody} {
		w := newWorld(t, pebbletest.Options{})
		ctx := testContext(t)
		order, pair, csr := w.ordered(ctx)
		dying, crash := context.WithCancel(ctx)
		w.FailAt(pebbletest.Finalize, how)
		var once sync.Once
		w.OnRequest(func(step string, _ *http.Request) {
			if step == string(pebbletest.Poll) && w.Failed(pebbletest.Finalize) > 0 {
				once.Do(crash) // before anybody could look again
			}
		})
		if _, err := w.client().Finalize(dying, order.URL, csr, nil); err == nil {
			t.Fatalf("%s: the answer was not lost", how)
		}
		crash()
		w.OnRequest(nil)
		for range 2 {
			chain, err := w.client().Settle(ctx, order.URL, csr, nil)
			pair.Chain = chain
			if err != nil || pair.Check(order.Names, time.Now()) != nil || w.Issued() != 1 {
				t.Fatalf("%s: %d certificates, %v", how, w.Issued(), err)
			}
		}
	}
}

func TestAnOrderThatIsGivenUpCanNeverLeadToACertificate(t *testing.T) {
	t.Parallel()
	w := newWorld(t, pebbletest.Options{})
	ctx := testContext(t)
	ready, _, csr := w.ordered(ctx)
	for range 2 {
		_, err := w.client().Settle(ctx, ready.URL, csr, nil)
		wantKind(t, err, fault.NotFound)
	}
	// Whoever was frozen just before it sent finalize comes too late.
	if _, err := w.client().Finalize(ctx, ready.URL, csr, nil); err == nil || w.Issued() != 0 {
		t.Errorf("%d certificates by an order that was given up, %v", w.Issued(), err)
	}
	_, err := w.client().Settle(ctx, ready.URL+"x", csr, nil)
	wantKind(t, err, fault.NotFound)
	_, err = w.client().Settle(ctx, "https://ca.example.com/order/1", csr, nil)
	wantKind(t, err, fault.NotFound)
}

func TestAnOrderIsNotSettledAsLongAsItsCACannotBeAsked(t *testing.T) {
	t.Parallel()
	w := newWorld(t, pebbletest.Options{})
	ctx := testContext(t)
	order, _, csr := w.ordered(ctx)
	w.SetDown(true)
	_, err := w.client().Settle(ctx, order.URL, csr, nil)
	wantKind(t, err, fault.Unavailable)
	w.SetDown(false)
	for _, step := range []pebbletest.Step{pebbletest.Poll, pebbletest.Authz} { // the order, and giving it up
		c := w.client()
		w.FailAt(step, pebbletest.Error503)
		if _, err := c.Settle(ctx, order.URL, csr, nil); w.Failed(step) != 1 || fault.Is(err, fault.NotFound) || err == nil {
			t.Errorf("%s failed, and it is settled all the same: %v", step, err)
		}
	}
}
