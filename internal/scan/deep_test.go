package scan

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/scan/scantest"
	"github.com/neverlapse/neverlapse/internal/target/targettest"
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
	for name, oldest := range map[string]uint16{"as TLS 1.2 asks": 0, "of a server of TLS 1.3 alone": tls.VersionTLS13} {
		for first, second := range map[*issuer]*issuer{&good: &gone, &gone: &good} {
			e := serveTLS(t, host+":0", a.Chain(*first), func(c *tls.Config) { c.MinVersion, c.Certificates = oldest, append(c.Certificates, a.Chain(*second)) })
			seen := New(Options{Roots: a.Roots, Deep: true}).Inspect(t.Context(), e, nil)
			if len(seen) != 1 || seen[0].Also == nil {
				t.Fatalf("%s: got %+v", name, seen)
			}
			both := map[cert.Fingerprint][]cert.Finding{seen[0].Version.Fingerprint: seen[0].Findings, seen[0].Also.Version.Fingerprint: seen[0].Also.Findings}
			if len(both) != 2 {
				t.Errorf("%s: one certificate was found", name)
			}
			wantCodes(t, both[cert.FingerprintOf(good.Cert)], nil)
			wantCodes(t, both[cert.FingerprintOf(gone.Cert)], []cert.FindingCode{cert.Expired})
			if seen := New(Options{Roots: a.Roots}).Inspect(t.Context(), e, nil); seen[0].Also != nil {
				t.Error("it was looked for without being asked for")
			}
		}
	}
	e := serveTLS(t, host+":0", a.Chain(good), func(c *tls.Config) { c.MinVersion = tls.VersionTLS13 })
	if seen := New(Options{Roots: a.Roots, Deep: true}).Inspect(t.Context(), e, nil); seen[0].Also != nil || len(seen[0].Findings) > 0 {
		t.Errorf("of a server with one certificate: %+v", seen)
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
	for name, spoken := range map[string][2]uint16{"TLS 1.2 is spoken": {}, "TLS 1.2 is all": {0, tls.VersionTLS12}, "TLS 1.3 alone": {tls.VersionTLS13, 0}} {
		t.Run(name, func(t *testing.T) {
			seen := New(Options{Roots: a.Roots}).Inspect(t.Context(), serveTLS(t, host+":0", a.Chain(broken), func(c *tls.Config) { c.MinVersion, c.MaxVersion = spoken[0], spoken[1] }), nil)
			o := seen[0].Outline
			if o == nil || o.Serial != broken.Cert.SerialNumber.Text(16) || !o.NotAfter.Equal(broken.Cert.NotAfter) || !o.NotBefore.Equal(broken.Cert.NotBefore) ||
				o.Issuer != "Test Intermediate" || o.Subject != "leaf" || o.Fingerprint != cert.FingerprintOf(broken.Cert) {
				t.Fatalf("outline %+v of %+v", o, seen[0])
			}
			wantCodes(t, seen[0].Findings, []cert.FindingCode{cert.CertificateUnreadable})
		})
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

// OpenSSL chooses by what a client takes, as nginx, Apache and HAProxy have it do.
func TestTheOtherCertificateOfAnOpenSSLServerOfTLS13AloneIsFound(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("openssl is not installed: apt-get install openssl")
	}
	a := newAuthority(t)
	dir := t.TempDir()
	good, gone := a.Leaf(t, nil, host), rsaLeaf(t, a, -day)
	at := map[string]string{}
	for name, i := range map[string]issuer{"good": good, "gone": gone} {
		key, err := cert.EncodeKey(i.Key)
		if err != nil {
			t.Fatal(err)
		}
		at[name] = filepath.Join(dir, name)
		if err := os.WriteFile(at[name], append(key, cert.EncodeChain([]*x509.Certificate{i.Cert})...), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	chain := filepath.Join(dir, "chain")
	if err := os.WriteFile(chain, cert.EncodeChain([]*x509.Certificate{a.Intermediate.Cert}), 0o600); err != nil {
		t.Fatal(err)
	}
	port, err := targettest.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(openssl, "s_server", "-accept", "127.0.0.1:"+strconv.Itoa(port), "-tls1_3", "-quiet", "-cert", at["good"], "-cert_chain", chain, "-dcert", at["gone"], "-dcert_chain", chain)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	s := New(Options{Roots: a.Roots, Deep: true, Resolver: names{host: {"127.0.0.1"}}})
	var seen []Seen
	for deadline := time.Now().Add(time.Minute); len(seen) == 0 || !seen[0].Observation.Seen(); seen = s.Inspect(t.Context(), cert.Endpoint{Host: host, Port: port}, nil) {
		if time.Now().After(deadline) {
			t.Fatalf("it does not answer: %+v", seen)
		}
	}
	if seen[0].Also == nil || len(seen[0].Chain) != 2 || len(seen[0].Also.Chain) != 2 {
		t.Fatalf("%+v", seen)
	}
	both := map[cert.Fingerprint][]cert.Finding{seen[0].Version.Fingerprint: seen[0].Findings, seen[0].Also.Version.Fingerprint: seen[0].Also.Findings}
	wantCodes(t, both[cert.FingerprintOf(good.Cert)], nil)
	wantCodes(t, both[cert.FingerprintOf(gone.Cert)], []cert.FindingCode{cert.Expired})
}
