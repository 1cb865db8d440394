package acme_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/neverlapse/neverlapse/internal/ca/acme"
	"github.com/neverlapse/neverlapse/internal/ca/acme/pebbletest"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

func TestIssuesByTLSALPNForNamesAndAddresses(t *testing.T) {
	t.Parallel()
	w := newWorld(t, pebbletest.Options{NonceReject: 15})
	names := []string{"127.0.0.1", "a.example.com", "b.example.com"}
	key, csr := newRequest(t, cert.EC256, names...)
	chain, err := w.issue(testContext(t), same(w.client()), cert.Order{Names: names, Challenge: acme.TLSALPN01}, csr)
	if err != nil {
		t.Fatal(err)
	}
	w.checkChain(chain, key, names...)
}

func TestIssuesForAnAddressByHTTP(t *testing.T) {
	t.Parallel()
	w := newWorld(t, pebbletest.Options{})
	key, csr := newRequest(t, cert.EC256, "127.0.0.1")
	chain, err := w.issue(testContext(t), same(w.client()), cert.Order{Names: []string{"127.0.0.1"}}, csr)
	if err != nil {
		t.Fatal(err)
	}
	w.checkChain(chain, key, "127.0.0.1")
}

// Certificates that share their names share a server name at the TLS listener:
// it has one answer at a time.
func TestCertificatesWithTheSameNamesAtOnce(t *testing.T) {
	t.Parallel()
	for _, way := range []string{acme.HTTP01, acme.TLSALPN01} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, pebbletest.Options{NonceReject: 5})
			c, ctx, names := w.client(), testContext(t), []string{"a.example.com", "b.example.com"}
			var group sync.WaitGroup
			for range 4 {
				key, csr := newRequest(t, cert.EC256, names...)
				group.Go(func() {
					chain, err := w.issue(ctx, same(c), cert.Order{Names: names, Challenge: way}, csr)
					if err != nil {
						t.Error(err)
						return
					}
					w.checkChain(chain, key, names...)
				})
			}
			group.Wait()
			if w.Issued() != 4 {
				t.Errorf("the CA issued %d certificates, want 4", w.Issued())
			}
		})
	}
}

func TestRefusesAtTheDoorWhatNoOrderCouldProve(t *testing.T) {
	t.Parallel()
	w := newWorld(t, pebbletest.Options{})
	w.options.KeyTypes = []string{"EC384", "ec256"}
	c, seen := w.client(), new(recorder)
	w.OnRequest(seen.saw)
	for _, refused := range []struct {
		order cert.Order
		words string
	}{
		{cert.Order{Names: []string{"*.example.com"}}, "*.example.com: a wildcard cannot be proven by http-01; use dns-01 (enroll --dns NAME)"},
		{cert.Order{Names: []string{"*.example.com"}, Challenge: acme.TLSALPN01}, "a wildcard cannot be proven by tls-alpn-01"},
		{cert.Order{Names: []string{"a.example.com"}, Challenge: acme.DNS01}, "needs a DNS provider"},
		{cert.Order{Names: []string{"a.example.com"}, Challenge: acme.DNS01, DNS: "zones"}, `no DNS provider is called "zones"`},
		{cert.Order{Names: []string{"a.example.com"}, Challenge: "dns-persist-01"}, `challenge "dns-persist-01" is not known; use one of http-01, webroot, tls-alpn-01, dns-01`},
		{cert.Order{Names: []string{"a.example.com"}, KeyType: cert.RSA2048}, "key type RSA2048 is not allowed here; use one of EC384, EC256"},
	} {
		_, err := c.Order(testContext(t), refused.order)
		wantKind(t, err, fault.Configuration)
		wantText(t, err, refused.words)
	}
	if seen.count() != 0 {
		t.Errorf("%d requests were made", seen.count())
	}
	completed, err := c.Screen(cert.Order{Names: []string{"a.example.com"}})
	if err != nil || completed.KeyType != cert.EC384 {
		t.Errorf("the usual key is %s: %v", completed.KeyType, err)
	}
}

func TestAPreferredProfileIsTakenWhereTheCAHasIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t, pebbletest.Options{Profiles: map[string]int{"classic": 7776000, "shortlived": 576000}})
	for preferred, seconds := range map[string]int{"shortlived": 576000, "tiny": 7776000} {
		w.options.PreferredProfile = preferred
		key, csr := newRequest(t, cert.EC256, "a.example.com")
		chain, err := w.issue(testContext(t), same(w.client()), cert.Order{Names: []string{"a.example.com"}}, csr)
		if err != nil {
			t.Fatal(err)
		}
		leaf := w.checkChain(chain, key, "a.example.com")
		if got := int(leaf.NotAfter.Sub(leaf.NotBefore).Seconds()) + 1; got != seconds {
			t.Errorf("preferring %s: valid for %d s, want %d", preferred, got, seconds)
		}
	}
}

func TestOptionsOfACAAreChecked(t *testing.T) {
	t.Parallel()
	good := acme.Options{Directory: "letsencrypt", AcceptTerms: true}
	for words, change := range map[string]func(*acme.Options){
		"eab_kid: is missing; zerossl binds accounts":                func(o *acme.Options) { o.Directory = "zerossl" },
		"eab_hmac_file, eab_hmac_env: set one":                       func(o *acme.Options) { o.EABKid, o.EABHMACFile, o.EABHMACEnv = "k", "f", "E" },
		"profile, preferred_profile: set one":                        func(o *acme.Options) { o.Profile, o.PreferredProfile = "a", "b" },
		`key_types[1]: "EC521" is not known; use some of EC256`:      func(o *acme.Options) { o.KeyTypes = []string{"EC256", "EC521"} },
		`dns: is missing; name the DNS provider`:                     func(o *acme.Options) { o.Challenge = acme.DNS01 },
		`webroot: is missing`:                                        func(o *acme.Options) { o.Challenge = acme.Webroot },
		`webroot: "www" is not an absolute path`:                     func(o *acme.Options) { o.Challenge, o.Webroot = acme.TLSALPN01, "www" },
		`challenge: "dns" is not known; use one of http-01, webroot`: func(o *acme.Options) { o.Challenge = "dns" },
	} {
		o := good
		change(&o)
		wantText(t, o.Validate(), words)
	}
	var names []string
	for _, w := range acme.WellKnownCAs {
		o := good
		if o.Directory = w.Name; w.EAB {
			o.EABKid, o.EABHMACEnv = "kid", "HMAC"
		}
		if err := o.Validate(); err != nil {
			t.Errorf("%s: %v", w.Name, err)
		}
		names = append(names, w.Name)
	}
	if len(slices.Compact(slices.Sorted(slices.Values(names)))) != len(names) {
		t.Errorf("a name is there twice: %v", names)
	}
	wantText(t, acme.Options{Directory: "letsencrpt", AcceptTerms: true}.Validate(), fmt.Sprintf("nor one of %s", strings.Join(names, ", ")))
}
