package acme_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/ca/acme"
	"github.com/neverlapse/neverlapse/internal/ca/acme/pebbletest"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

func TestValidateNamesEveryWrongField(t *testing.T) {
	t.Parallel()
	good := acme.Options{Directory: "letsencrypt", AcceptTerms: true}
	if err := good.Validate(); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*acme.Options){
		"directory: is missing":                             func(o *acme.Options) { o.Directory = "" },
		"directory: \"http://ca.example\" is not encrypted": func(o *acme.Options) { o.Directory = "http://ca.example" },
		"directory: \"letsencrpyt\" is neither":             func(o *acme.Options) { o.Directory = "letsencrpyt" },
		"accept_terms: is not set":                          func(o *acme.Options) { o.AcceptTerms = false },
		"email: \"Bob <b@example.com>\"":                    func(o *acme.Options) { o.Email = "Bob <b@example.com>" },
		"eab_kid, eab_hmac_file: set both":                  func(o *acme.Options) { o.EABKid = "k" },
		"challenge: \"dns\" is not known":                   func(o *acme.Options) { o.Challenge = "dns" },
		"webroot: \"www\" is not an absolute":               func(o *acme.Options) { o.Challenge, o.Webroot = acme.Webroot, "www" },
		"webroot: has no effect":                            func(o *acme.Options) { o.Webroot = "/srv" },
		"request_timeout: -1s is negative":                  func(o *acme.Options) { o.RequestTimeout = -time.Second },
	} {
		o := good
		change(&o)
		if err := o.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	err := acme.Options{Directory: "http://x", Email: "x", Challenge: "y"}.Validate()
	for _, field := range []string{"directory:", "email:", "accept_terms:", "challenge:"} {
		wantText(t, err, field)
	}
}

func TestNewRefusesWithoutDialling(t *testing.T) {
	t.Parallel()
	l := acme.NewListener("")
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for want, o := range map[string]acme.Options{
		"is not encrypted": {Directory: "http://ca.example", AcceptTerms: true},
		"root_file":        {Directory: "https://ca.invalid", AcceptTerms: true, RootFile: "/nonexistent"},
		"holds no PEM":     {Directory: "https://ca.invalid", AcceptTerms: true, RootFile: empty},
	} {
		_, err := acme.New("x", o, &accounts{}, acme.Ways{HTTP: l})
		wantKind(t, err, fault.Configuration)
		wantText(t, err, want)
	}
	good := acme.Options{Directory: "https://ca.invalid", AcceptTerms: true}
	_, err := acme.New("x", good, &accounts{}, acme.Ways{})
	wantKind(t, err, fault.Configuration)
	c, err := acme.New("x", good, &accounts{}, acme.Ways{HTTP: l}) // the name does not exist
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Order(testContext(t), anOrder)
	wantKind(t, err, fault.Unavailable)
}

func TestAnUnknownRootIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, pebbletest.Options{})
	other := pebbletest.Start(t, pebbletest.Options{})
	for _, root := range []string{"", other.RootFile()} {
		w.options.RootFile = root
		_, err := w.client().Order(testContext(t), anOrder)
		wantKind(t, err, fault.Configuration)
		wantText(t, err, "unknown authority", "root_file")
	}
}

func TestNamesThatCannotBeProvenAreRefusedBeforeAnOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t, pebbletest.Options{})
	var seen recorder
	w.OnRequest(seen.saw)
	_, err := w.client().Order(testContext(t), cert.Order{Names: []string{"*.example.com"}})
	wantKind(t, err, fault.Configuration)
	_, err = w.client().Order(testContext(t), cert.Order{})
	wantKind(t, err, fault.Invalid)
	_, err = w.client().Finalize(testContext(t), w.Directory(), []byte("no CSR"), nil)
	wantKind(t, err, fault.Invalid)
	if seen.count() != 0 {
		t.Errorf("%d requests were sent", seen.count())
	}
}

func TestACANotOfThisProtocolIsAConfigurationFault(t *testing.T) {
	t.Parallel()
	f := newFakeCA(t)
	o := f.options(t)
	o.Directory = f.URL + "/somewhere-else"
	c, err := acme.New("x", o, &accounts{}, acme.Ways{HTTP: acme.NewListener("")})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Order(testContext(t), anOrder)
	wantKind(t, err, fault.Configuration)
	wantText(t, err, "ACME directory")
}

func TestCertIDNeedsRenewalInfo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, pebbletest.Options{})
	key, csr := newRequest(t, cert.EC256, "a.example.com")
	chain, err := w.issue(testContext(t), same(w.client()), anOrder, csr)
	if err != nil {
		t.Fatal(err)
	}
	w.checkChain(chain, key, "a.example.com")
	f := newFakeCA(t)
	without, err := acme.New("x", f.options(t), &accounts{}, acme.Ways{HTTP: acme.NewListener("")})
	if err != nil {
		t.Fatal(err)
	}
	if id, err := without.CertID(chain); id != "" || err != nil {
		t.Errorf("ID %q without renewalInfo: %v", id, err)
	}
	if id, err := w.client().CertID(chain); id == "" || err != nil {
		t.Errorf("no ID: %v", err)
	}
	_, err = w.client().CertID([]byte("no chain"))
	wantKind(t, err, fault.Invalid)
}
