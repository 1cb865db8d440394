package acme_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-acme/lego/v4/challenge"
	"github.com/go-acme/lego/v4/providers/dns/rfc2136"

	"github.com/neverlapse/neverlapse/internal/ca/acme"
	"github.com/neverlapse/neverlapse/internal/ca/acme/bindtest"
	"github.com/neverlapse/neverlapse/internal/ca/acme/pebbletest"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

// bind is one pair of servers for all tests of the process: lego knows one list
// of resolvers.
var bind = struct {
	sync.Mutex
	*bindtest.Server
}{}

func startBIND(t *testing.T) *bindtest.Server {
	t.Helper()
	bind.Lock()
	defer bind.Unlock()
	if bind.Server != nil {
		return bind.Server
	}
	if _, err := bindtest.Find(); err != nil {
		if os.Getenv(bindtest.RequireEnv) != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	dir, err := os.MkdirTemp("", "bind-")
	if err != nil {
		t.Fatal(err)
	}
	s, err := bindtest.New(t.Context(), dir, bindtest.FreePort)
	if err == nil {
		err = acme.NewResolver([]string{s.Resolver}).Adopt()
	}
	if err != nil {
		t.Fatal(err)
	}
	afterAll(func() { _ = errors.Join(s.Close(), os.RemoveAll(dir)) })
	bind.Server = s
	return s
}

// updates makes lego's provider of RFC 2136, which replaces the whole set of a
// name's TXT records.
func updates(string) (challenge.Provider, error) { return rfc2136.NewDNSProvider() }

func dnsOptions(t *testing.T, s *bindtest.Server, secret string) acme.DNSOptions {
	t.Helper()
	file := filepath.Join(t.TempDir(), "tsig")
	if err := os.WriteFile(file, []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return acme.DNSOptions{
		Settings: map[string]string{
			"rfc2136_nameserver": s.Authority, "RFC2136_TSIG_ALGORITHM": bindtest.Algorithm,
			"RFC2136_TSIG_KEY": bindtest.KeyName, "RFC2136_TSIG_SECRET_FILE": file,
		},
		Propagation: acme.Nameservers, Nameservers: []string{s.Authority, s.Resolver},
		PropagationInterval: 50 * time.Millisecond,
	}
}

// newDNSWorld is a CA that asks BIND, and a provider that updates it.
func newDNSWorld(t *testing.T, o pebbletest.Options) (*world, *bindtest.Server) {
	t.Helper()
	s := startBIND(t)
	o.Resolver = s.Resolver
	w := newWorld(t, o)
	d, err := acme.NewDNS("zones", "rfc2136", dnsOptions(t, s, bindtest.Secret), updates, acme.NewResolver([]string{s.Resolver}))
	if err != nil {
		t.Fatal(err)
	}
	w.dns = map[string]*acme.DNS{"zones": d}
	w.options.DNS = "zones"
	return w, s
}

func byDNS(names ...string) cert.Order {
	return cert.Order{Names: names, Challenge: acme.DNS01}
}

func TestIssuesApexAndWildcardByDNSUpdatesWithTSIG(t *testing.T) {
	t.Parallel()
	w, s := newDNSWorld(t, pebbletest.Options{NonceReject: 15, AuthzReuse: 50})
	names := []string{"one.acme.test", "*.one.acme.test"}
	key, csr := newRequest(t, cert.EC256, names...)
	chain, err := w.issue(testContext(t), same(w.client()), byDNS(names...), csr)
	if err != nil {
		t.Fatal(err)
	}
	w.checkChain(chain, key, names...)
	wantNoTXT(t, s, "_acme-challenge.one.acme.test")
}

// A provider that replaces whole sets knows one answer at a time, and these
// four orders need six at two names.
func TestCertificatesThatShareATXTNameAtOnce(t *testing.T) {
	t.Parallel()
	w, s := newDNSWorld(t, pebbletest.Options{NonceReject: 5})
	ctx := testContext(t)
	var group sync.WaitGroup
	orders := []cert.Order{
		byDNS("two.acme.test"), byDNS("*.two.acme.test"),
		byDNS("two.acme.test", "three.acme.test"), byDNS("three.acme.test", "*.two.acme.test"),
	}
	for i, order := range orders {
		c := w.client() // two CAs of one process, with the same account
		if i%2 == 1 {
			c = w.client()
		}
		key, csr := newRequest(t, cert.EC256, order.Names...)
		group.Go(func() {
			chain, err := w.issue(ctx, same(c), order, csr)
			if err != nil {
				t.Errorf("%v: %v", order.Names, err)
				return
			}
			w.checkChain(chain, key, order.Names...)
		})
	}
	group.Wait()
	if w.Issued() != len(orders) {
		t.Errorf("the CA issued %d certificates, want %d", w.Issued(), len(orders))
	}
	wantNoTXT(t, s, "_acme-challenge.two.acme.test")
	wantNoTXT(t, s, "_acme-challenge.three.acme.test")
}

func TestAChallengeDelegatedByCNAMEIsAnsweredWhereItLeads(t *testing.T) {
	t.Parallel()
	w, s := newDNSWorld(t, pebbletest.Options{})
	c, ctx := w.client(), testContext(t)
	var seen []string
	w.OnRequest(func(step string, _ *http.Request) {
		if step == string(pebbletest.Challenge) {
			seen, _ = s.TXT(context.Background(), "shop."+bindtest.Delegated)
		}
	})
	key, csr := newRequest(t, cert.EC256, "*.shop.acme.test")
	chain, err := w.issue(ctx, same(c), byDNS("*.shop.acme.test"), csr)
	if err != nil {
		t.Fatal(err)
	}
	w.checkChain(chain, key, "*.shop.acme.test")
	if len(seen) != 1 {
		t.Errorf("the delegated zone had %q when the CA was asked to look", seen)
	}
	wantNoTXT(t, s, "shop."+bindtest.Delegated)
}

func TestAWrongTSIGSecretNeedsAHumanAndIsNotShown(t *testing.T) {
	t.Parallel()
	w, s := newDNSWorld(t, pebbletest.Options{})
	const wrong = "d3Jvbmcgc2VjcmV0IHdyb25nIHNlY3JldCB3cm9uZyE="
	d, err := acme.NewDNS("zones", "rfc2136", dnsOptions(t, s, wrong), updates, acme.NewResolver([]string{s.Resolver}))
	if err != nil {
		t.Fatal(err)
	}
	w.dns["zones"] = d
	_, csr := newRequest(t, cert.EC256, "wrong.acme.test")
	_, err = w.issue(testContext(t), same(w.client()), byDNS("wrong.acme.test"), csr)
	wantKind(t, err, fault.Configuration)
	wantText(t, err, "DNS provider zones (rfc2136): cannot make the record for wrong.acme.test", "check its settings and what its credentials may change")
	if strings.Contains(err.Error(), wrong) {
		t.Errorf("the secret is shown: %v", err)
	}
}

func TestAnAnswerThatNobodyShowsIsNotOfferedToTheCA(t *testing.T) {
	t.Parallel()
	w, s := newDNSWorld(t, pebbletest.Options{})
	o := dnsOptions(t, s, bindtest.Secret)
	o.PropagationTimeout = 300 * time.Millisecond
	d, err := acme.NewDNS("zones", "loses", o, func(string) (challenge.Provider, error) { return forgetful{}, nil }, acme.NewResolver([]string{s.Resolver}))
	if err != nil {
		t.Fatal(err)
	}
	w.dns["zones"] = d
	var asked recorder
	w.OnRequest(asked.saw)
	_, csr := newRequest(t, cert.EC256, "lost.acme.test")
	_, err = w.issue(testContext(t), same(w.client()), byDNS("lost.acme.test"), csr)
	wantKind(t, err, fault.Validation)
	wantText(t, err, "TXT _acme-challenge.lost.acme.test. cannot be seen", "it is not at "+s.Authority, "raise propagation_timeout")
	if n := asked.at(string(pebbletest.Challenge)); n != 0 {
		t.Errorf("the CA was asked to look %d times", n)
	}
}

// A provider that hangs holds up its own authorization only until the caller's
// time is over, and what it made in the end is taken away.
func TestAProviderThatHangsIsLeftBehindAndCleanedUpAfter(t *testing.T) {
	t.Parallel()
	w, s := newDNSWorld(t, pebbletest.Options{})
	p := &slow{asked: make(chan struct{}, 1), goOn: make(chan struct{}), cleaned: make(chan string, 4)}
	d, err := acme.NewDNS("zones", "slow", dnsOptions(t, s, bindtest.Secret), func(string) (challenge.Provider, error) { return p, nil }, acme.NewResolver([]string{s.Resolver}))
	if err != nil {
		t.Fatal(err)
	}
	w.dns["zones"] = d
	c := w.client()
	ctx, cancel := context.WithCancel(testContext(t))
	defer cancel()
	order := byDNS("hangs.acme.test")
	if order.URL, err = c.Order(ctx, order); err != nil {
		t.Fatal(err)
	}
	result := make(chan error, 1)
	go func() { result <- c.Authorize(ctx, order, nil) }()
	<-p.asked
	cancel()
	close(p.goOn)
	if err := <-result; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if name := <-p.cleaned; name != "hangs.acme.test" {
		t.Errorf("cleaned up %s", name)
	}
}

func TestSettingsOfADNSProviderAreChecked(t *testing.T) {
	t.Parallel()
	for words, o := range map[string]acme.DNSOptions{
		"settings.CLOUDFLARE_DNS_API_TOKEN: is a secret; write it into a file and name that as CLOUDFLARE_DNS_API_TOKEN_FILE": {Settings: map[string]string{"cloudflare_dns_api_token": "x"}},
		"nameservers: has no effect":                         {Nameservers: []string{"10.0.0.1"}},
		"nameservers: is missing":                            {Propagation: acme.Nameservers},
		`nameservers: "http://x" is no server`:               {Propagation: acme.Nameservers, Nameservers: []string{"http://x"}},
		`propagation: "fast" is not known; use one of auth`:  {Propagation: "fast"},
		"propagation_wait: -1s is negative":                  {PropagationWait: -time.Second},
		"settings.X_TOKEN_FILE: stat /nowhere: no such file": {Settings: map[string]string{"X_TOKEN_FILE": "/nowhere"}},
	} {
		_, err := acme.NewDNS("zones", "rfc2136", o, updates, acme.NewResolver([]string{"127.0.0.1:1"}))
		wantKind(t, err, fault.Configuration)
		wantText(t, err, "dns zones: ", words)
	}
	_, err := acme.NewDNS("zones", "rfc2136", acme.DNSOptions{}, updates, acme.NewResolver([]string{"127.0.0.1:1"}))
	wantText(t, err, "NAMESERVER")
}

func TestSettingsAreInTheEnvironmentOnlyWhileTheProviderIsMade(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("from the file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TESTED_TOKEN", "of the worker")
	var during []string
	build := func(string) (challenge.Provider, error) {
		during = []string{os.Getenv("TESTED_TOKEN"), os.Getenv("TESTED_TOKEN_FILE"), os.Getenv("TESTED_ZONE")}
		return forgetful{}, nil
	}
	o := acme.DNSOptions{Settings: map[string]string{"tested_token_file": file, "tested_zone": "example.com"}}
	if _, err := acme.NewDNS("x", "y", o, build, acme.NewResolver([]string{"127.0.0.1:1"})); err != nil {
		t.Fatal(err)
	}
	if want := []string{"", file, "example.com"}; !slices.Equal(during, want) {
		t.Errorf("the provider saw %q, want %q", during, want)
	}
	if after := []string{os.Getenv("TESTED_TOKEN"), os.Getenv("TESTED_TOKEN_FILE"), os.Getenv("TESTED_ZONE")}; !slices.Equal(after, []string{"of the worker", "", ""}) {
		t.Errorf("left in the environment: %q", after)
	}
	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := acme.NewDNS("x", "y", o, build, acme.NewResolver([]string{"127.0.0.1:1"}))
	wantText(t, err, "settings.TESTED_TOKEN_FILE: everybody on this machine may use")
}

func wantNoTXT(t *testing.T, s *bindtest.Server, name string) {
	t.Helper()
	left, err := s.TXT(testContext(t), name)
	if err != nil || len(left) != 0 {
		t.Errorf("left at %s: %q, %v", name, left, err)
	}
}

// forgetful takes every answer and shows none.
type forgetful struct{}

func (forgetful) Present(string, string, string) error { return nil }
func (forgetful) CleanUp(string, string, string) error { return nil }

// slow hangs until it is told to go on.
type slow struct {
	asked, goOn chan struct{}
	cleaned     chan string
}

func (s *slow) Present(string, string, string) error {
	s.asked <- struct{}{}
	<-s.goOn
	return nil
}

func (s *slow) CleanUp(name, _, _ string) error {
	s.cleaned <- name
	return nil
}
