package scan

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/scan/scantest"
)

// rsaLeaf issues for an RSA key.
func rsaLeaf(t *testing.T, a authority, until time.Duration) issuer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := leafTemplate(host)
	template.NotBefore, template.NotAfter = time.Now().Add(-90*day), time.Now().Add(until)
	return scantest.MakeFor(t, template, &a.Intermediate, key)
}

func TestACertificateForTheOtherTypeOfKeyIsFoundWhenAskedFor(t *testing.T) {
	a := newAuthority(t)
	good, gone := a.Leaf(t, nil, host), rsaLeaf(t, a, -day)
	e := serveTLS(t, host+":0", a.Chain(good), func(c *tls.Config) { c.Certificates = append(c.Certificates, a.Chain(gone)) })
	seen := New(Options{Roots: a.Roots, Deep: true}).Inspect(t.Context(), e, nil)
	if len(seen) != 1 || seen[0].Also == nil {
		t.Fatalf("got %+v", seen)
	}
	wantCodes(t, seen[0].Findings, nil)
	wantCodes(t, seen[0].Also.Findings, []cert.FindingCode{cert.Expired})
	if seen[0].Also.Version.Fingerprint != cert.FingerprintOf(gone.Cert) {
		t.Error("another certificate was found")
	}
	if seen := New(Options{Roots: a.Roots}).Inspect(t.Context(), e, nil); seen[0].Also != nil {
		t.Error("it was looked for without being asked for")
	}
}

func TestOldProtocolsAreFound(t *testing.T) {
	a := newAuthority(t)
	leaf := a.Leaf(t, nil, host)
	for name, tc := range map[string]struct {
		oldest, newest uint16
		deep           bool
		want           string
	}{
		"nothing newer": {tls.VersionTLS10, tls.VersionTLS11, false, "speaks nothing newer than TLS 1.1"},
		"still":         {tls.VersionTLS10, tls.VersionTLS13, true, "still speaks TLS 1.1 with clients that ask for it"},
		"no more":       {tls.VersionTLS12, tls.VersionTLS13, true, ""},
		"not asked for": {tls.VersionTLS10, tls.VersionTLS13, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			e := serveTLS(t, host+":0", a.Chain(leaf), func(c *tls.Config) { c.MinVersion, c.MaxVersion = tc.oldest, tc.newest })
			seen := New(Options{Roots: a.Roots, Deep: tc.deep}).Inspect(t.Context(), e, nil)
			if tc.want == "" {
				wantCodes(t, seen[0].Findings, nil)
				return
			}
			wantCodes(t, seen[0].Findings, []cert.FindingCode{cert.WeakProtocol})
			if seen[0].Findings[0].What != tc.want || len(seen[0].Problems) > 0 {
				t.Errorf("%+v", seen[0])
			}
		})
	}
}

// twice makes a certificate that crypto/x509 refuses and OpenSSL reads.
func twice(t *testing.T, sign func(*x509.Certificate) issuer) issuer {
	t.Helper()
	i := sign(&x509.Certificate{ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3, 4}, Value: []byte{5, 0}}}})
	raw := bytes.Replace(i.Cert.Raw, []byte{6, 3, 0x2a, 3, 4}, []byte{6, 3, 0x55, 0x1d, 0x25}, 1)
	if _, err := x509.ParseCertificate(raw); err == nil {
		t.Fatal("crypto/x509 reads it by now; break it in another way")
	}
	out := *i.Cert
	out.Raw = raw
	return issuer{Cert: &out, Key: i.Key}
}

func TestACertificateThatGoCannotReadIsListedWithSerialAndDates(t *testing.T) {
	a := newAuthority(t)
	broken := twice(t, func(c *x509.Certificate) issuer {
		return a.Leaf(t, func(l *x509.Certificate) { l.ExtraExtensions = c.ExtraExtensions }, host)
	})
	for name, newest := range map[string]uint16{"TLS 1.2 is spoken": 0, "TLS 1.2 is all": tls.VersionTLS12} {
		t.Run(name, func(t *testing.T) {
			seen := New(Options{Roots: a.Roots}).Inspect(t.Context(), serveTLS(t, host+":0", a.Chain(broken), func(c *tls.Config) { c.MaxVersion = newest }), nil)
			o := seen[0].Outline
			if o == nil || o.Serial != broken.Cert.SerialNumber.Text(16) || !o.NotAfter.Equal(broken.Cert.NotAfter) || !o.NotBefore.Equal(broken.Cert.NotBefore) ||
				o.Issuer != "Test Intermediate" || o.Subject != "leaf" || o.Fingerprint != cert.FingerprintOf(broken.Cert) {
				t.Fatalf("outline %+v of %+v", o, seen[0])
			}
			wantCodes(t, seen[0].Findings, []cert.FindingCode{cert.CertificateUnreadable})
		})
	}
	seen := New(Options{Roots: a.Roots}).Inspect(t.Context(), serveTLS(t, host+":0", a.Chain(broken), func(c *tls.Config) { c.MinVersion = tls.VersionTLS13 }), nil)
	if seen[0].Outline != nil || !strings.Contains(seen[0].Err, "duplicate extension") {
		t.Errorf("with TLS 1.3 alone: %+v", seen[0])
	}
}

func TestALeafIsJudgedThoughItsIssuerCannotBeRead(t *testing.T) {
	a := newAuthority(t)
	broken := twice(t, func(c *x509.Certificate) issuer {
		return makeCert(t, &x509.Certificate{Subject: pkix.Name{CommonName: "Broken"}, IsCA: true, BasicConstraintsValid: true, ExtraExtensions: c.ExtraExtensions}, &a.Root)
	})
	leaf := authority{Intermediate: broken}.Leaf(t, nil, host)
	seen := New(Options{Roots: a.Roots}).Inspect(t.Context(), serveTLS(t, host+":0", scantest.Send(leaf, broken), nil), nil)
	if !seen[0].Observation.Seen() {
		t.Fatalf("%+v", seen[0])
	}
	wantCodes(t, seen[0].Findings, []cert.FindingCode{cert.ChainIncomplete, cert.CertificateUnreadable})
}

func TestWhatIsUnwantedIsFound(t *testing.T) {
	a := newAuthority(t)
	chain := []*x509.Certificate{a.Leaf(t, nil, "*.test").Cert, a.Intermediate.Cert}
	for name, tc := range map[string]struct {
		taste Taste
		want  []cert.FindingCode
	}{
		"nothing":         {Taste{}, nil},
		"wildcards":       {Taste{NoWildcard: true}, []cert.FindingCode{cert.WildcardUnwanted}},
		"its issuer":      {Taste{Unwanted: []string{"other", "test INTER"}}, []cert.FindingCode{cert.UnwantedCA}},
		"its root":        {Taste{Unwanted: []string{"Test Root"}}, []cert.FindingCode{cert.UnwantedCA}},
		"somebody else":   {Taste{Unwanted: []string{"Other CA", ""}}, nil},
		"several at once": {Taste{NoWildcard: true, Unwanted: []string{"Test"}}, []cert.FindingCode{cert.UnwantedCA, cert.WildcardUnwanted}},
	} {
		t.Run(name, func(t *testing.T) {
			wantCodes(t, New(Options{Roots: a.Roots, Taste: tc.taste}).Judge(chain, nil), tc.want)
		})
	}
}

// What is remembered of one chain must not change what is said of another.
func TestChainsThatAreRememberedAreJudgedAsBefore(t *testing.T) {
	a := newAuthority(t)
	narrow := makeCert(t, &x509.Certificate{Subject: pkix.Name{CommonName: "Narrow"}, IsCA: true, BasicConstraintsValid: true, PermittedDNSDomains: []string{"good.test"}}, &a.Root)
	under := func(i issuer, name string) []*x509.Certificate {
		return []*x509.Certificate{authority{Intermediate: i}.Leaf(t, nil, name).Cert, i.Cert}
	}
	forged := makeCert(t, &x509.Certificate{Subject: a.Intermediate.Cert.Subject, IsCA: true, BasicConstraintsValid: true}, nil)
	s := New(Options{Roots: a.Roots})
	for range 2 {
		wantCodes(t, s.Judge(under(a.Intermediate, "www.test"), nil), nil)
		wantCodes(t, s.Judge(under(narrow, "www.good.test"), nil), nil)
		wantCodes(t, s.Judge(under(narrow, "www.bad.test"), nil), []cert.FindingCode{cert.ChainInvalid})
		liar := under(forged, "www.test")
		wantCodes(t, s.Judge([]*x509.Certificate{liar[0], a.Intermediate.Cert}, nil), []cert.FindingCode{cert.ChainDisorder})
		clients := a.Leaf(t, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }, "www.test")
		wantCodes(t, s.Judge([]*x509.Certificate{clients.Cert, a.Intermediate.Cert}, nil), []cert.FindingCode{cert.WrongUsage})
	}
	later := New(Options{Roots: a.Roots})
	at := time.Now()
	later.Now = func() time.Time { return at }
	chain := under(a.Intermediate, "www.test")
	wantCodes(t, later.Judge(chain, nil), nil)
	at = at.Add(100 * day)
	if got := later.Judge(chain, nil); !slices.ContainsFunc(got, func(f cert.Finding) bool { return f.Code == cert.IssuerExpired }) {
		t.Errorf("after the end of the intermediate: %+v", got)
	}
}
