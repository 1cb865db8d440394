package acme_test

import (
	"context"
	"crypto/ecdsa"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/neverlapse/neverlapse/internal/ca/acme"
	"github.com/neverlapse/neverlapse/internal/ca/acme/pebbletest"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

func TestIssuesEveryKeyTypeByListenerAndWebroot(t *testing.T) {
	t.Parallel()
	for _, way := range []string{acme.HTTP01, acme.Webroot} {
		for _, kind := range []cert.KeyType{cert.EC256, cert.EC384, cert.RSA2048} {
			t.Run(fmt.Sprintf("%s %s", way, kind), func(t *testing.T) {
				t.Parallel()
				o := pebbletest.Options{NonceReject: 15, AuthzReuse: 50}
				root := t.TempDir()
				if way == acme.Webroot {
					o.HTTPPort = serveFolder(t, root)
				}
				w := newWorld(t, o)
				if way == acme.Webroot {
					w.options.Challenge, w.options.Webroot = way, root
				}
				names := []string{"a.example.com", "b.example.com"}
				key, csr := newRequest(t, kind, names...)
				chain, err := w.issue(testContext(t), same(w.client()), cert.Order{Names: names}, csr)
				if err != nil {
					t.Fatal(err)
				}
				w.checkChain(chain, key, names...)
				if w.Issued() != 1 || w.IssuedFor("a.example.com") != 1 || w.IssuedFor("c.example.com") != 0 {
					t.Errorf("the CA issued %d certificates, want 1", w.Issued())
				}
				left, err := filepath.Glob(filepath.Join(root, ".well-known", "acme-challenge", "*"))
				if err != nil || len(left) != 0 {
					t.Errorf("left in the webroot: %q, %v", left, err)
				}
			})
		}
	}
}

func TestIssuesWhateverNoncesAndAuthorizationsDo(t *testing.T) {
	t.Parallel()
	for _, reject := range []int{5, 30} {
		for _, reuse := range []int{0, 50, 100} {
			t.Run(fmt.Sprintf("%d%% bad nonces, %d%% reuse", reject, reuse), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, pebbletest.Options{NonceReject: reject, AuthzReuse: reuse})
				c := w.client()
				names := []string{"a.example.com", "b.example.com"}
				for n := range 2 { // the second may find its names authorized already
					key, csr := newRequest(t, cert.EC256, names...)
					chain, err := w.issue(testContext(t), same(c), cert.Order{Names: names}, csr)
					if err != nil {
						t.Fatal(err)
					}
					w.checkChain(chain, key, names...)
					if w.Issued() != n+1 {
						t.Fatalf("the CA issued %d certificates, want %d", w.Issued(), n+1)
					}
				}
			})
		}
	}
}

func TestSendsAProfileAlwaysAndReplacesWhileItCan(t *testing.T) {
	t.Parallel()
	w := newWorld(t, pebbletest.Options{Profiles: map[string]int{"classic": 7776000, "shortlived": 576000, "a-long-one": 8000000}})
	c, ctx, names := w.client(), testContext(t), []string{"a.example.com"}
	order := cert.Order{Names: names}
	var chain []byte
	for _, wanted := range []struct {
		profile string
		seconds int
	}{{"", 7776000}, {"shortlived", 576000}, {"shortlived", 576000}} {
		key, csr := newRequest(t, cert.EC256, names...)
		order.Profile = wanted.profile
		var err error
		if chain, err = w.issueDropping(ctx, c, order, csr); err != nil {
			t.Fatal(err)
		}
		leaf := w.checkChain(chain, key, names...)
		if got := int(leaf.NotAfter.Sub(leaf.NotBefore).Seconds()) + 1; got != wanted.seconds {
			t.Errorf("profile %q: valid for %d s, want %d", wanted.profile, got, wanted.seconds)
		}
		if order.Replaces == "" { // the third order replaces what the second did already
			if order.Replaces, err = c.CertID(chain); err != nil || order.Replaces == "" {
				t.Fatalf("certificate ID %q: %v", order.Replaces, err)
			}
		}
	}
	// A CA that does not find the replaced certificate must not stop the renewal.
	_, csr := newRequest(t, cert.EC256, names...)
	order.Replaces = "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE"
	if _, err := w.issueDropping(ctx, c, order, csr); err != nil {
		t.Fatal(err)
	}
	if w.dropped != 2 {
		t.Errorf("replaces was refused %d times, want twice: replaced already, and unknown", w.dropped)
	}
	if w.Issued() != 4 {
		t.Errorf("the CA issued %d certificates, want 4", w.Issued())
	}
	order.Profile = "classy"
	_, err := c.Order(ctx, order)
	wantKind(t, err, fault.Configuration)
	wantText(t, err, `profile "classy" is not known; use one of a-long-one, classic, shortlived`)
}

// issueDropping does as the caller of Order does: a refused replaces is dropped.
func (w *world) issueDropping(ctx context.Context, c *acme.CA, o cert.Order, csr []byte) ([]byte, error) {
	chain, err := w.issue(ctx, same(c), o, csr)
	if o.Replaces == "" || !fault.Is(err, fault.Conflict) {
		return chain, err
	}
	w.dropped++
	o.Replaces = ""
	return w.issue(ctx, same(c), o, csr)
}

func TestPrefersAChain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, pebbletest.Options{AlternateRoots: 2})
	roots, err := cert.DecodeChain(w.IssuerRoots())
	if err != nil || len(roots) != 3 {
		t.Fatalf("%d roots: %v", len(roots), err)
	}
	for _, wanted := range []struct{ preferred, root string }{
		{roots[2].Subject.CommonName, roots[2].Subject.CommonName},
		{"no such root", roots[0].Subject.CommonName},
	} {
		w.options.PreferredChain = wanted.preferred
		key, csr := newRequest(t, cert.EC256, "a.example.com")
		chain, err := w.issue(testContext(t), same(w.client()), cert.Order{Names: []string{"a.example.com"}}, csr)
		if err != nil {
			t.Fatal(err)
		}
		w.checkChain(chain, key, "a.example.com")
		certs, err := cert.DecodeChain(chain)
		if err != nil {
			t.Fatal(err)
		}
		if got := certs[len(certs)-1].Issuer.CommonName; got != wanted.root {
			t.Errorf("preferring %q: chain leads to %q, want %q", wanted.preferred, got, wanted.root)
		}
	}
}

func TestFiftyAtOnceGiveFifty(t *testing.T) {
	t.Parallel()
	w := newWorld(t, pebbletest.Options{NonceReject: 5, AuthzReuse: 50})
	w.options.Preflight = []string{acme.CheckNothing} // hundreds of questions more to the one small DNS server of the tests
	c, ctx := w.client(), testContext(t)
	var group sync.WaitGroup
	for n := range 50 {
		name := fmt.Sprintf("host-%d.example.com", n)
		key, csr := newRequest(t, cert.EC256, name)
		group.Go(func() {
			chain, err := w.issue(ctx, same(c), cert.Order{Names: []string{name}}, csr)
			if err != nil {
				t.Error(err)
				return
			}
			if leaf, err := cert.DecodeChain(chain); err != nil || !key.Public().(*ecdsa.PublicKey).Equal(leaf[0].PublicKey) {
				t.Errorf("%s: not ours: %v", name, err)
			}
			if w.IssuedFor(name) != 1 {
				t.Errorf("%s: issued %d times", name, w.IssuedFor(name))
			}
		})
	}
	group.Wait()
	if w.Issued() != 50 {
		t.Errorf("the CA issued %d certificates, want 50", w.Issued())
	}
}

func TestRootFileMatchesTLSRoot(t *testing.T) {
	t.Parallel()
	w := newWorld(t, pebbletest.Options{})
	onDisk, err := os.ReadFile(w.RootFile())
	if err != nil || string(onDisk) != string(w.TLSRoot()) {
		t.Fatalf("root file differs: %v", err)
	}
}
