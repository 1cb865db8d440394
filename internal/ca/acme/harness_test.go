package acme_test

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/ca/acme"
	"github.com/neverlapse/neverlapse/internal/ca/acme/pebbletest"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

var (
	_ activities.CA       = (*acme.CA)(nil)
	_ activities.CertIDer = (*acme.CA)(nil)
)

// accounts is a store of accounts in memory.
type accounts struct {
	mu   sync.Mutex
	all  map[string]cert.Account
	puts int
}

func (a *accounts) Account(_ context.Context, ca, email string) (cert.Account, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if found, ok := a.all[ca+" "+email]; ok {
		return found, nil
	}
	return cert.Account{}, fault.New(fault.NotFound, "no account of %s", ca)
}

func (a *accounts) PutAccount(_ context.Context, put cert.Account) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.all == nil {
		a.all = make(map[string]cert.Account)
	}
	old, ok := a.all[put.CA+" "+put.Email]
	if ok && string(old.Key) != string(put.Key) {
		return fault.New(fault.Conflict, "there is an account of %s", put.CA)
	}
	a.all[put.CA+" "+put.Email] = put
	a.puts++
	return nil
}

// world is a CA, the port it validates at, and what survives a crash of ours.
type world struct {
	*pebbletest.CA
	t        *testing.T
	listener *acme.Listener
	tls      *acme.TLSListener
	dns      map[string]*acme.DNS
	accounts *accounts
	options  acme.Options
	dropped  int // orders whose replaces the CA refused
}

func newWorld(t *testing.T, o pebbletest.Options) *world {
	t.Helper()
	l, tls := acme.NewListener("127.0.0.1:0"), acme.NewTLSListener("127.0.0.1:0")
	if err := errors.Join(l.Start(), tls.Start()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if n := l.Held() + tls.Held(); n != 0 {
			t.Errorf("%d challenge answers were left behind", n)
		}
		if err := errors.Join(l.Close(), tls.Close()); err != nil {
			t.Error(err)
		}
	})
	var preflight []string
	if o.HTTPPort != 0 { // the CA finds somebody else there
		preflight = []string{acme.CheckNothing}
	} else {
		o.HTTPPort = l.Addr().(*net.TCPAddr).Port
	}
	o.TLSPort = tls.Addr().(*net.TCPAddr).Port
	w := &world{CA: pebbletest.Start(t, o), t: t, listener: l, tls: tls, accounts: &accounts{}}
	w.options = acme.Options{
		Directory: w.Directory(), RootFile: w.RootFile(), Email: "ops@example.com", AcceptTerms: true,
		RequestTimeout: 20 * time.Second, Preflight: preflight, HTTPPort: o.HTTPPort, TLSPort: o.TLSPort,
	}
	return w
}

// client is what a process makes when it starts.
func (w *world) client() *acme.CA {
	w.t.Helper()
	c, err := acme.New("pebble", w.options, w.accounts, acme.Ways{HTTP: w.listener, TLS: w.tls, DNS: w.dns, Resolver: acme.NewResolver([]string{w.Resolver()})})
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

func testContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func newRequest(t *testing.T, kind cert.KeyType, names ...string) (crypto.Signer, []byte) {
	t.Helper()
	key, err := cert.GenerateKey(kind)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.CertificateRequest{}
	for _, n := range names {
		if ip := net.ParseIP(n); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, n)
		}
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, template, key)
	if err != nil {
		t.Fatal(err)
	}
	return key, csr
}

// checkChain holds the chain against the CA's root, the names and the key.
func (w *world) checkChain(chain []byte, key crypto.Signer, names ...string) *x509.Certificate {
	w.t.Helper()
	pem, err := cert.EncodeKey(key)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := (cert.Pair{Chain: chain, Key: pem}).Check(names, time.Now()); err != nil {
		w.t.Fatal(err)
	}
	certs, err := cert.DecodeChain(chain)
	if err != nil {
		w.t.Fatal(err)
	}
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	roots.AppendCertsFromPEM(w.IssuerRoots())
	for _, c := range certs[1:] {
		between.AddCert(c)
	}
	if _, err := certs[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: between}); err != nil {
		w.t.Fatal(err)
	}
	return certs[0]
}

// issue does what the activities do: each step again while the fault passes,
// another order when one is gone. fresh gives the CA object for each try.
func (w *world) issue(ctx context.Context, fresh func() *acme.CA, order cert.Order, csr []byte) ([]byte, error) {
	var errs []error
	for range 20 {
		chain, err := w.attempt(ctx, fresh, &order, csr)
		if err == nil {
			return chain, nil
		}
		errs = append(errs, err)
		switch fault.KindOf(err) {
		case fault.Transient, fault.Unavailable:
			select {
			case <-ctx.Done():
			case <-time.After(time.Until(fault.RetryAt(err))):
			}
		case fault.NotFound:
			order.URL = ""
		default:
			return nil, err
		}
		if ctx.Err() != nil {
			break
		}
	}
	return nil, errors.Join(errs...)
}

func (w *world) attempt(ctx context.Context, fresh func() *acme.CA, order *cert.Order, csr []byte) ([]byte, error) {
	url, err := fresh().Order(ctx, *order)
	if err != nil {
		return nil, err
	}
	order.URL = url
	if err := fresh().Authorize(ctx, *order, nil); err != nil {
		return nil, err
	}
	return fresh().Finalize(ctx, url, csr, nil)
}

func same(c *acme.CA) func() *acme.CA { return func() *acme.CA { return c } }

func wantKind(t *testing.T, err error, kind fault.Kind) {
	t.Helper()
	if !fault.Is(err, kind) {
		t.Fatalf("got a fault of kind %q, want %q: %v", fault.KindOf(err), kind, err)
	}
}
