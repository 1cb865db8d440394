package acme_test

import (
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/ca/acme"
	"github.com/neverlapse/neverlapse/internal/ca/acme/bindtest"
	"github.com/neverlapse/neverlapse/internal/ca/acme/pebbletest"
	"github.com/neverlapse/neverlapse/internal/ca/acme/steptest"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

// stepCA is a second CA that finds the same answers as the world's.
func (w *world) stepCA(name, resolver string, eab bool) *acme.CA {
	w.t.Helper()
	if os.Getenv(steptest.BinaryEnv) == "" {
		w.t.Skip(steptest.BinaryEnv + " is not set; run make test, or build step-ca by test/servers/build-step-ca.sh")
	}
	port, err := bindtest.FreePort()
	if err != nil {
		w.t.Fatal(err)
	}
	s, err := steptest.New(w.t.Context(), steptest.Options{
		Dir: w.t.TempDir(), Port: port, HTTPPort: w.options.HTTPPort, TLSPort: w.tls.Addr().(*net.TCPAddr).Port, Resolver: resolver,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = s.Close() })
	o := w.options
	o.Directory, o.RootFile, o.IssuerRootsFile, o.Profile = s.Directory, s.RootFile, s.RootFile, ""
	if eab {
		o.Directory = s.EAB
	}
	c, err := acme.New(name, o, w.accounts, acme.Ways{HTTP: w.listener, TLS: w.tls, DNS: w.dns, Resolver: acme.NewResolver([]string{resolver})})
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

// Two makes of CA in one process, each with its account, share listeners and
// the DNS provider: the same names are proven to both at once.
func TestTwoCAsSideBySide(t *testing.T) {
	t.Parallel()
	w, s := newDNSWorld(t, pebbletest.Options{NonceReject: 5})
	second := w.stepCA("step", s.Resolver, false)
	first, ctx := w.client(), testContext(t)
	var group sync.WaitGroup
	for _, way := range []string{acme.HTTP01, acme.TLSALPN01, acme.DNS01} {
		for name, c := range map[string]*acme.CA{"pebble": first, "step": second} {
			names := []string{"both.acme.test", "more.acme.test"}
			if way == acme.DNS01 {
				names = []string{"*.both.acme.test", "both.acme.test"}
			}
			key, csr := newRequest(t, cert.EC256, names...)
			group.Go(func() {
				chain, err := w.issue(ctx, same(c), cert.Order{Names: names, Challenge: way}, csr)
				if err != nil {
					t.Errorf("%s by %s: %v", name, way, err)
					return
				}
				leaf := parsed(t, chain)
				pem, err := cert.EncodeKey(key)
				if err == nil {
					err = cert.Pair{Chain: chain, Key: pem}.Check(names, time.Now().Add(time.Second))
				}
				if err != nil || (leaf.Issuer.CommonName == "steptest intermediate") != (name == "step") {
					t.Errorf("%s by %s: issued by %s: %v", name, way, leaf.Issuer, err)
				}
			})
		}
	}
	group.Wait()
	for _, name := range []string{"pebble", "step"} {
		if a, err := w.accounts.Account(ctx, name, w.options.Email); err != nil || a.URL == "" {
			t.Errorf("account of %s: %q, %v", name, a.URL, err)
		}
	}
}

func TestACheckOfASecondMakeOfCA(t *testing.T) {
	t.Parallel()
	w := newWorld(t, pebbletest.Options{})
	ctx := testContext(t)
	a := w.stepCA("step", w.Resolver(), false).Check(ctx)
	if a.Err != "" || !a.Made || len(a.Profiles) != 0 || a.RenewalInfo != "" || a.EABRequired {
		t.Errorf("%+v", a)
	}
	a = w.stepCA("bound", w.Resolver(), true).Check(ctx)
	if a.ErrKind != string(fault.Configuration) || !a.Reached || !a.EABRequired {
		t.Errorf("%+v", a)
	}
	wantText(t, fmt.Errorf("%s", a.Err), "eab_kid")
}

func parsed(t *testing.T, chain []byte) *x509.Certificate {
	t.Helper()
	all, err := cert.DecodeChain(chain)
	if err != nil {
		t.Fatal(err)
	}
	return all[0]
}

// step-ca keeps a challenge open after it looked in vain, and looks again only
// when it is asked to.
func TestACAThatLooksAgainIsAskedToAndNotForEver(t *testing.T) {
	t.Parallel()
	e := newElsewhere(t, false)
	w := newWorld(t, pebbletest.Options{HTTPPort: portOf(e.server)})
	c := w.stepCA("step", w.Resolver(), false)
	_, csr := newRequest(t, cert.EC256, "a.example.com")
	_, err := w.issue(testContext(t), same(c), cert.Order{Names: []string{"a.example.com"}}, csr)
	wantKind(t, err, fault.Validation)
	wantText(t, err, "a.example.com", "could not connect to validation target")
}
