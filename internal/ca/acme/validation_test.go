package acme_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/ca/acme/pebbletest"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

// elsewhere is what the CA finds instead of our listener.
type elsewhere struct {
	server  *httptest.Server
	asked   chan string // path of the first request
	release chan struct{}
	once    sync.Once
}

func newElsewhere(t *testing.T, blocking bool) *elsewhere {
	e := &elsewhere{asked: make(chan string, 1), release: make(chan struct{})}
	e.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e.once.Do(func() { e.asked <- r.URL.Path })
		if blocking {
			<-e.release
		}
		http.NotFound(w, r)
	}))
	t.Cleanup(e.server.Close)
	t.Cleanup(func() { close(e.release) })
	return e
}

func TestAFailedValidationTellsTheCausePerName(t *testing.T) {
	t.Parallel()
	e := newElsewhere(t, false)
	w := newWorld(t, pebbletest.Options{HTTPPort: portOf(e.server)})
	c, ctx := w.client(), testContext(t)
	order := cert.Order{Names: []string{"a.example.com", "b.example.com"}}
	url, err := c.Order(ctx, order)
	if err != nil {
		t.Fatal(err)
	}
	err = c.Authorize(ctx, cert.Order{URL: url}, nil)
	wantKind(t, err, fault.Validation)
	wantText(t, err, "a.example.com: urn:ietf:params:acme:error:unauthorized: Non-200 status code from HTTP", "b.example.com: urn:", "returned 404")
	if got := statusAt(w.listener.Handler(), <-e.asked); got != http.StatusNotFound {
		t.Errorf("the answer is still served: %d", got)
	}
	// A process that comes later hears the same, and opens another order.
	err = w.client().Authorize(ctx, cert.Order{URL: url}, nil)
	wantKind(t, err, fault.Validation)
	wantText(t, err, "returned 404")
	_, csr := newRequest(t, cert.EC256, order.Names...)
	_, err = w.client().Finalize(ctx, url, csr, nil)
	wantKind(t, err, fault.Validation)
	order.URL = url
	_, err = w.client().Order(ctx, order)
	wantKind(t, err, fault.NotFound)
	if w.Issued() != 0 {
		t.Errorf("the CA issued %d certificates", w.Issued())
	}
}

func TestANameThatDoesNotResolveIsAValidationFailure(t *testing.T) {
	t.Parallel()
	w := newWorld(t, pebbletest.Options{})
	const name = "broken.validation.example.com"
	w.DNS().AddDNSServFailRecord(name)
	_, csr := newRequest(t, cert.EC256, name)
	_, err := w.issue(testContext(t), same(w.client()), cert.Order{Names: []string{name}}, csr)
	wantKind(t, err, fault.Validation)
	wantText(t, err, name, "urn:ietf:params:acme:error:connection")
}

func TestACancelledAuthorizationReturnsAtOnceAndCleansUp(t *testing.T) {
	t.Parallel()
	e := newElsewhere(t, true)
	w := newWorld(t, pebbletest.Options{HTTPPort: portOf(e.server)})
	c := w.client()
	ctx, cancel := context.WithCancel(testContext(t))
	defer cancel()
	url, err := c.Order(ctx, cert.Order{Names: []string{"a.example.com"}})
	if err != nil {
		t.Fatal(err)
	}
	reported := make(chan string, 1000)
	result := make(chan error, 1)
	go func() { result <- c.Authorize(ctx, cert.Order{URL: url}, func(s string) { reported <- s }) }()
	path := <-e.asked
	if got := statusAt(w.listener.Handler(), path); got != http.StatusOK {
		t.Errorf("the answer is not served: %d", got)
	}
	for range 5 { // it reports while the CA takes its time
		<-reported
	}
	cancelled := time.Now()
	cancel()
	err = <-result
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if took := time.Since(cancelled); took > 10*time.Second {
		t.Errorf("it took %s to give up", took)
	}
	if got := statusAt(w.listener.Handler(), path); got != http.StatusNotFound {
		t.Errorf("the answer is still served: %d", got)
	}
}

// Taking the answer away because polls fail would make the validation fail.
func TestTheAnswerStaysWhileTheCAMayBeLooking(t *testing.T) {
	t.Parallel()
	e := newElsewhere(t, true)
	w := newWorld(t, pebbletest.Options{HTTPPort: portOf(e.server)})
	c := w.client()
	ctx, cancel := context.WithCancel(testContext(t))
	defer cancel()
	url, err := c.Order(ctx, cert.Order{Names: []string{"a.example.com"}})
	if err != nil {
		t.Fatal(err)
	}
	result := make(chan error, 1)
	go func() { result <- c.Authorize(ctx, cert.Order{URL: url}, nil) }()
	path := <-e.asked
	polled := make(chan int, 100)
	w.OnRequest(func(step string, _ *http.Request) {
		if step == string(pebbletest.Authz) {
			polled <- statusAt(w.listener.Handler(), path)
		}
	})
	w.FailAt(pebbletest.Authz, pebbletest.Reset)
	w.FailAt(pebbletest.Authz, pebbletest.Error503)
	for w.Failed(pebbletest.Authz) < 2 || len(polled) > 0 {
		select {
		case status := <-polled:
			if status != http.StatusOK {
				t.Errorf("the answer is not served: %d", status)
			}
		case err := <-result:
			t.Fatalf("it gave up: %v", err)
		}
	}
	cancel()
	if err := <-result; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestAHangingCAHoldsNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t, pebbletest.Options{})
	ctx, cancel := context.WithCancel(testContext(t))
	defer cancel()
	w.OnRequest(func(step string, _ *http.Request) {
		if step == string(pebbletest.Order) {
			cancel()
		}
	})
	w.FailAt(pebbletest.Order, pebbletest.Hang)
	_, err := w.client().Order(ctx, cert.Order{Names: []string{"a.example.com"}})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
