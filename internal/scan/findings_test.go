package scan

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/scan/scantest"
)

// sample is one way to be wrong: a chain to serve, or a file, and the codes that
// have to be found, no more.
type sample struct {
	chain []issuer
	key   issuer // if it is another than that of the first
	own   bool   // the roots are a private CA's
	want  []cert.FindingCode
}

func samples(t *testing.T, a authority) map[string]sample {
	t.Helper()
	span := func(from, to time.Duration) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.NotBefore, c.NotAfter = time.Now().Add(from), time.Now().Add(to) }
	}
	middle := func(from, to time.Duration) issuer {
		return makeCert(t, &x509.Certificate{Subject: pkix.Name{CommonName: "Middle"}, IsCA: true, BasicConstraintsValid: true,
			NotBefore: time.Now().Add(from), NotAfter: time.Now().Add(to)}, &a.Root)
	}
	under := func(i issuer) issuer { return authority{Intermediate: i}.Leaf(t, nil, host) }
	good, other := a.Leaf(t, nil, host), newAuthority(t)
	late, early, brief := middle(-48*time.Hour, -24*time.Hour), middle(24*time.Hour, 99*day), middle(-time.Hour, 30*day)
	alone := makeCert(t, leafTemplate(host), nil)
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	codes := func(c ...cert.FindingCode) []cert.FindingCode { return c }
	return map[string]sample{
		"good":                   {chain: []issuer{good, a.Intermediate}},
		"expired":                {chain: []issuer{a.Leaf(t, span(-48*time.Hour, -24*time.Hour), host), a.Intermediate}, want: codes(cert.Expired)},
		"early":                  {chain: []issuer{a.Leaf(t, span(24*time.Hour, 48*time.Hour), host), a.Intermediate}, want: codes(cert.NotYetValid)},
		"another name":           {chain: []issuer{a.Leaf(t, nil, "other.test"), a.Intermediate}, want: codes(cert.NameMismatch)},
		"a common name":          {chain: []issuer{a.Leaf(t, func(c *x509.Certificate) { c.Subject.CommonName = host }), a.Intermediate}, want: codes(cert.CommonNameOnly)},
		"self-signed":            {chain: []issuer{alone}, want: codes(cert.SelfSigned)},
		"incomplete":             {chain: []issuer{good}, want: codes(cert.ChainIncomplete)},
		"out of order":           {chain: []issuer{good, a.Root, a.Intermediate}, want: codes(cert.ChainDisorder)},
		"a stranger's root":      {chain: []issuer{other.Leaf(t, nil, host), other.Intermediate, other.Root}, want: codes(cert.UntrustedRoot)},
		"root sent":              {chain: []issuer{good, a.Intermediate, a.Root}, want: codes(cert.RootSent)},
		"expired intermediate":   {chain: []issuer{under(late), late}, want: codes(cert.IssuerExpired)},
		"early intermediate":     {chain: []issuer{under(early), early}, want: codes(cert.IssuerNotYetValid)},
		"brief intermediate":     {chain: []issuer{under(brief), brief}, want: codes(cert.IssuerEndsFirst)},
		"for clients":            {chain: []issuer{a.Leaf(t, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }, host), a.Intermediate}, want: codes(cert.WrongUsage)},
		"a CA":                   {chain: []issuer{a.Intermediate, good}, want: codes(cert.NameMismatch, cert.ChainDisorder, cert.IsCA)},
		"a short RSA key":        {chain: []issuer{scantest.MakeFor(t, leafTemplate(host), &a.Intermediate, small), a.Intermediate}, want: codes(cert.WeakKey)},
		"forgeable":              {chain: []issuer{a.Leaf(t, func(c *x509.Certificate) { c.SignatureAlgorithm = x509.ECDSAWithSHA1 }, host), a.Intermediate}, want: codes(cert.WeakSignature)},
		"too long":               {chain: []issuer{a.Leaf(t, span(-time.Hour, 500*day), host), a.Intermediate}, want: codes(cert.LifetimeTooLong, cert.IssuerEndsFirst)},
		"not too long privately": {chain: []issuer{a.Leaf(t, span(-time.Hour, 500*day), host), a.Intermediate}, own: true, want: codes(cert.IssuerEndsFirst)},
		"too long privately":     {chain: []issuer{a.Leaf(t, span(-time.Hour, 900*day), host), a.Intermediate}, own: true, want: codes(cert.LifetimeTooLong, cert.IssuerEndsFirst)},
		"another's key":          {chain: []issuer{good, a.Intermediate}, key: alone, want: codes(cert.KeyNotHeld)},
		"very many names":        {chain: []issuer{a.Leaf(t, func(c *x509.Certificate) { c.DNSNames = manyNames(9000) }, host), a.Intermediate}, want: codes(cert.TooManyNames)},
	}
}

func TestEveryFindingIsFoundOnTheWire(t *testing.T) {
	a := newAuthority(t)
	for name, s := range samples(t, a) {
		t.Run(name, func(t *testing.T) {
			sent := tls.Certificate{PrivateKey: s.chain[0].Key}
			if s.key.Key != nil {
				sent.PrivateKey = s.key.Key
			}
			for _, c := range s.chain {
				sent.Certificate = append(sent.Certificate, c.Cert.Raw)
			}
			o := Options{Roots: a.Roots}
			if s.own {
				o = Options{Roots: x509.NewCertPool(), Own: []*x509.Certificate{a.Root.Cert}}
			}
			seen := New(o).Inspect(t.Context(), serveTLS(t, host+":0", sent, nil), nil)
			if len(seen) != 1 || len(seen[0].Chain) != len(s.chain) {
				t.Fatalf("saw %+v", seen)
			}
			wantCodes(t, seen[0].Findings, s.want)
		})
	}
}

func wantCodes(t *testing.T, got []cert.Finding, want []cert.FindingCode) {
	t.Helper()
	var codes []cert.FindingCode
	for _, f := range got {
		codes = append(codes, f.Code)
		if f.What == "" || f.Why == "" || f.Remedy == "" || f.What != clean1(f.What) {
			t.Errorf("%q is not explained: %+v", f.Code, f)
		}
	}
	slices.Sort(codes)
	if want = slices.Sorted(slices.Values(want)); !slices.Equal(codes, want) {
		t.Errorf("found %q, want %q", codes, want)
	}
}

// TestEveryCodeHasASample holds that no code is documented and never found.
func TestEveryCodeHasASample(t *testing.T) {
	// These need more than one chain or a file, and have tests of their own.
	found := []cert.FindingCode{
		cert.Expiring, cert.AddressesDisagree, cert.AddressUnreachable, cert.KeyMismatch, cert.KeyExposed, cert.CertificateUnreadable,
		cert.RootExpired, cert.NoRoots, cert.ChainInvalid, cert.HandshakeUnfinished,
		cert.WeakProtocol, cert.UnwantedCA, cert.WildcardUnwanted, cert.Unreachable, cert.AddressForbidden,
		cert.FileUnreadable,                  // package survey
		cert.Revoked, cert.RevocationUnknown, // package crl
		cert.LintError, cert.LintWarning, // app/lint
		cert.RenewalStuck, cert.RenewalLate, // package source/certmanager
	}
	for _, s := range samples(t, newAuthority(t)) {
		found = append(found, s.want...)
	}
	for i, f := range cert.Findings {
		if !slices.Contains(found, f.Code) {
			t.Errorf("%s has no sample", f.Code)
		}
		if f.Why == "" || f.Remedy == "" || !slices.Contains([]cert.Gravity{cert.Error, cert.Warning, cert.Note}, f.Severity) ||
			slices.ContainsFunc(cert.Findings[:i], func(o cert.Finding) bool { return o.Code == f.Code }) {
			t.Errorf("%s is not explained, or twice", f.Code)
		}
	}
}

func TestFindingsThatNeedMoreThanAChain(t *testing.T) {
	a := newAuthority(t)
	leaf := a.Leaf(t, nil, host)
	chain := []*x509.Certificate{leaf.Cert, a.Intermediate.Cert}
	limited := makeCert(t, &x509.Certificate{Subject: pkix.Name{CommonName: "Narrow"}, IsCA: true, BasicConstraintsValid: true, PermittedDNSDomains: []string{"else.test"}}, &a.Root)
	within := authority{Intermediate: limited}.Leaf(t, nil, "www.test")
	wantCodes(t, New(Options{Roots: a.Roots}).Judge([]*x509.Certificate{within.Cert, limited.Cert}, nil), []cert.FindingCode{cert.ChainInvalid})
	wantCodes(t, untrusted(chain, x509.SystemRootsError{}, false, false), []cert.FindingCode{cert.NoRoots})
	wantCodes(t, unfinished(sight{err: os.ErrDeadlineExceeded}), []cert.FindingCode{cert.HandshakeUnfinished})
	old := makeCert(t, &x509.Certificate{Subject: pkix.Name{CommonName: "Old Root"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(-24 * time.Hour)}, nil)
	pool := x509.NewCertPool()
	pool.AddCert(old.Cert)
	wantCodes(t, New(Options{Roots: pool}).Judge([]*x509.Certificate{makeCert(t, leafTemplate(host), &old).Cert}, nil), []cert.FindingCode{cert.RootExpired})
}

func TestAddressesThatDisagreeAreNamed(t *testing.T) {
	v := cert.Version{Fingerprint: "aaaaaaaaaaaaaaaa", NotAfter: time.Now()}
	w := v
	w.Fingerprint = "bbbbbbbbbbbbbbbb"
	at := func(address string, v cert.Version, why string) Seen {
		return Seen{Observation: cert.Observation{Address: address, Version: v, Err: why}}
	}
	got := Across([]Seen{at("192.0.2.1:443", v, ""), at("192.0.2.2:443", w, ""), at("192.0.2.3:443", cert.Version{}, "connection refused")})
	wantCodes(t, got, []cert.FindingCode{cert.AddressUnreachable, cert.AddressesDisagree})
	if !strings.Contains(got[0].What, "192.0.2.1:443 serves aaaaaaaaaaaa") || !strings.Contains(got[1].What, "192.0.2.3:443 cannot be read: connection refused") {
		t.Errorf("%+v", got)
	}
	wantCodes(t, Across([]Seen{at("192.0.2.1:443", v, ""), at("192.0.2.2:443", v, "")}), nil)
	wantCodes(t, Across([]Seen{at("192.0.2.1:443", cert.Version{}, "connection refused")}), nil)
}

func TestOwnRootsAreTrustedBesideTheSystems(t *testing.T) {
	a, stranger := newAuthority(t), newAuthority(t)
	file := filepath.Join(t.TempDir(), "roots.pem")
	write := func(certs ...*x509.Certificate) {
		if err := os.WriteFile(file, cert.EncodeChain(certs), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write(a.Root.Cert, stranger.Root.Cert)
	own, err := ReadRoots(file)
	if err != nil || len(own) != 2 {
		t.Fatalf("%d roots, %v", len(own), err)
	}
	leaf := a.Leaf(t, nil, host)
	wantCodes(t, New(Options{Own: own}).Judge([]*x509.Certificate{leaf.Cert, a.Intermediate.Cert}, nil), nil)
	wantCodes(t, New(Options{}).Judge([]*x509.Certificate{leaf.Cert, a.Intermediate.Cert}, nil), []cert.FindingCode{cert.ChainIncomplete})
	write(leaf.Cert)
	if _, err := ReadRoots(file); err == nil || !strings.Contains(err.Error(), "is no CA's") {
		t.Errorf("a leaf makes itself trusted: %v", err)
	}
	if _, err := ReadRoots(filepath.Dir(file)); err == nil || !strings.Contains(err.Error(), "is a folder") {
		t.Errorf("a folder of roots: %v", err)
	}
}
