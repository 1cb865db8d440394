package scan

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
)

const host = "127.0.0.1"

// observeOne scans an endpoint with a single address.
func observeOne(t *testing.T, o Options, e cert.Endpoint) cert.Observation {
	t.Helper()
	got := New(o).Observe(t.Context(), e, nil)
	if len(got) != 1 {
		t.Fatalf("%d observations, want 1: %+v", len(got), got)
	}
	return got[0]
}

func TestAwkwardCertificatesAreReadAndTheirTroubleNamed(t *testing.T) {
	a := newAuthority(t)
	stranger := newAuthority(t)
	good := a.Leaf(t, nil, host)
	expired := a.Leaf(t, func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = time.Now().Add(-48*time.Hour), time.Now().Add(-24*time.Hour)
	}, host)
	early := a.Leaf(t, func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = time.Now().Add(24*time.Hour), time.Now().Add(48*time.Hour)
	}, host)
	alone := makeCert(t, leafTemplate(host), nil)
	lapsed := authority{Intermediate: makeCert(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: "Old Intermediate"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(-24 * time.Hour),
	}, &a.Root)}
	send := func(leaf issuer, rest ...issuer) tls.Certificate {
		c := tls.Certificate{Certificate: [][]byte{leaf.Cert.Raw}, PrivateKey: leaf.Key}
		for _, r := range rest {
			c.Certificate = append(c.Certificate, r.Cert.Raw)
		}
		return c
	}
	junk := append(slices.Repeat([]string{"(Old Intermediate) expired at "}, maxProblems), "and 21 problems more")
	for name, tc := range map[string]struct {
		sent tls.Certificate
		want []string // a piece of each problem
	}{
		"good":                   {send(good, a.Intermediate), nil},
		"good with its root":     {send(good, a.Intermediate, a.Root), nil},
		"expired":                {send(expired, a.Intermediate), []string{"expired at "}},
		"not yet valid":          {send(early, a.Intermediate), []string{"not yet valid: valid from "}},
		"another name":           {send(a.Leaf(t, nil, "other.test"), a.Intermediate), []string{"does not cover 127.0.0.1"}},
		"incomplete":             {send(good), []string{`chain incomplete: the certificate of its issuer "Test Intermediate" was not sent`}},
		"out of order":           {send(good, a.Root, a.Intermediate), []string{"chain out of order: certificate 2 (Test Root) did not issue certificate 1"}},
		"a stranger in the way":  {send(good, stranger.Intermediate), []string{"chain out of order: certificate 2"}},
		"another private root":   {send(stranger.Leaf(t, nil, host), stranger.Intermediate, stranger.Root), []string{`chain ends in "Test Root", which is not among the trusted roots`}},
		"expired intermediate":   {send(lapsed.Leaf(t, nil, host), lapsed.Intermediate), []string{"certificate 2 of the chain (Old Intermediate) expired at "}},
		"self-signed":            {send(alone), []string{"self-signed"}},
		"for clients only":       {send(a.Leaf(t, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }, host), a.Intermediate), []string{"not issued for servers"}},
		"a long chain of junk":   {send(good, slices.Repeat([]issuer{lapsed.Intermediate}, 30)...), junk},
		"common name only":       {send(a.Leaf(t, func(c *x509.Certificate) { c.Subject.CommonName = host }), a.Intermediate), []string{"only in its common name"}},
		"control characters":     {send(a.Leaf(t, nil, host, "evil\x1b[2J.test"), a.Intermediate), []string{}},
		"more names than sense":  {send(a.Leaf(t, func(c *x509.Certificate) { c.DNSNames = manyNames(9000) }, host), a.Intermediate), []string{"lists 9001 names; the first "}},
		"key of somebody else":   {tls.Certificate{Certificate: a.Chain(good).Certificate, PrivateKey: alone.Key}, []string{"does not hold the certificate's private key"}},
		"expired and incomplete": {send(expired), []string{"expired at ", "chain incomplete"}},
	} {
		t.Run(name, func(t *testing.T) {
			o := observeOne(t, Options{Roots: a.Roots}, serveTLS(t, host+":0", tc.sent, nil))
			if !o.Seen() || len(o.Problems) != len(tc.want) {
				t.Fatalf("seen %v, err %q, problems %q, want %q", o.Seen(), o.Err, o.Problems, tc.want)
			}
			for i, want := range tc.want {
				if !strings.Contains(o.Problems[i], want) {
					t.Errorf("problem %q, want %q", o.Problems[i], want)
				}
			}
			if text := strings.Join(append(o.Version.Names, o.Problems...), ""); text != clean1(text) {
				t.Errorf("control characters got through: %q", text)
			}
		})
	}
}

func TestExpiredRootIsNamed(t *testing.T) {
	a := newAuthority(t)
	o := observeOne(t, Options{Roots: a.Roots, Now: func() time.Time { return time.Now().Add(365 * 24 * time.Hour) }},
		serveTLS(t, host+":0", a.Chain(a.Leaf(t, nil, host)), nil))
	if len(o.Problems) != 2 || !strings.HasPrefix(o.Problems[0], "expired at ") || !strings.HasPrefix(o.Problems[1], "certificate 2 of the chain (Test Intermediate) expired at ") {
		t.Errorf("a year later: %q", o.Problems)
	}
	root := makeCert(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: "Old Root"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(-24 * time.Hour),
	}, nil)
	roots := x509.NewCertPool()
	roots.AddCert(root.Cert)
	leaf := makeCert(t, leafTemplate(host), &root)
	o = observeOne(t, Options{Roots: roots}, serveTLS(t, host+":0", tls.Certificate{Certificate: [][]byte{leaf.Cert.Raw}, PrivateKey: leaf.Key}, nil))
	if len(o.Problems) != 1 || o.Problems[0] != "chain leads to an expired root" {
		t.Errorf("with an old root: %q", o.Problems)
	}
}

func manyNames(n int) (out []string) {
	for i := range n {
		out = append(out, fmt.Sprintf("n%d.test", i))
	}
	return out
}

func clean1(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '?'
		}
		return r
	}, text)
}

func TestEveryKindOfServerYieldsItsCertificate(t *testing.T) {
	a := newAuthority(t)
	for name, change := range map[string]func(*tls.Config){
		"TLS 1.0": func(c *tls.Config) {
			c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS10
			c.CurvePreferences = []tls.CurveID{tls.CurveP256}
		},
		"TLS 1.2":                     func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 },
		"TLS 1.3":                     func(c *tls.Config) { c.MinVersion = tls.VersionTLS13 },
		"P-256 only":                  func(c *tls.Config) { c.CurvePreferences = []tls.CurveID{tls.CurveP256} },
		"X25519 only":                 func(c *tls.Config) { c.CurvePreferences = []tls.CurveID{tls.X25519} },
		"ML-KEM only":                 func(c *tls.Config) { c.CurvePreferences = []tls.CurveID{tls.X25519MLKEM768} },
		"client certificate, TLS 1.2": func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12; c.ClientAuth = tls.RequireAndVerifyClientCert },
		"client certificate, TLS 1.3": func(c *tls.Config) { c.ClientAuth = tls.RequireAndVerifyClientCert },
		"an insecure cipher suite only": func(c *tls.Config) {
			c.MaxVersion = tls.VersionTLS12
			c.CipherSuites = []uint16{tls.TLS_ECDHE_ECDSA_WITH_RC4_128_SHA}
		},
	} {
		t.Run(name, func(t *testing.T) {
			leaf := a.Leaf(t, nil, host)
			o := observeOne(t, Options{Roots: a.Roots}, serveTLS(t, host+":0", a.Chain(leaf), change))
			if o.Version.Fingerprint != cert.FingerprintOf(leaf.Cert) || len(o.Problems) > 0 {
				t.Errorf("got %+v", o)
			}
		})
	}
}

// Every server of TLS 1.3 knows the group that is offered first.
func TestAServerWithThePrescribedGroupAloneIsAskedOnce(t *testing.T) {
	a := newAuthority(t)
	for version, name := range map[uint16]string{tls.VersionTLS12: "TLS 1.2", tls.VersionTLS13: "TLS 1.3"} {
		var asked atomic.Int32
		e := serveTLS(t, host+":0", a.Chain(a.Leaf(t, nil, host)), func(c *tls.Config) {
			c.MinVersion, c.MaxVersion, c.CurvePreferences = version, version, []tls.CurveID{tls.CurveP256}
			c.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
				asked.Add(1)
				return nil, nil
			}
		})
		if o := observeOne(t, Options{Roots: a.Roots}, e); !o.Seen() || len(o.Problems) > 0 || asked.Load() != 1 {
			t.Errorf("%s: asked %d times: %+v", name, asked.Load(), o)
		}
	}
}

func TestSNIIsTheServerNameAndNoneForAddresses(t *testing.T) {
	a := newAuthority(t)
	asked := make(chan string, 4)
	e := serveTLS(t, host+":0", a.Chain(a.Leaf(t, nil, "www.test", host)), func(c *tls.Config) {
		c.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			asked <- hello.ServerName
			return nil, nil
		}
	})
	withSNI := e
	withSNI.ServerName = "www.test"
	for want, e := range map[string]cert.Endpoint{"": e, "www.test": withSNI} {
		if o := observeOne(t, Options{Roots: a.Roots}, e); len(o.Problems) > 0 || !o.Seen() {
			t.Errorf("%s: %+v", e, o)
		}
		if got := <-asked; got != want {
			t.Errorf("%s asked for %q, want %q", e, got, want)
		}
	}
}

func TestServersWithoutACertificateAreExplained(t *testing.T) {
	short := 300 * time.Millisecond
	flood := bytes.Repeat([]byte{0x16, 3, 3, 0x40, 0}, 1<<16)
	for name, tc := range map[string]struct {
		answer func(net.Conn)
		want   string
	}{
		"silent":     {untilClosed, "timeout after 300ms: connected, but the TLS handshake was not answered"},
		"drip":       {drip, "timeout after 300ms"},
		"SSH":        {say("SSH-2.0-OpenSSH\r\n"), `no TLS: the server answered "SSH-2"`},
		"HTTP":       {say("HTTP/1.1 400 Bad Request\r\n\r\n"), `no TLS: the server answered "HTTP/"`},
		"binary":     {say("\x00\x1b[2J\n\n\n"), `no TLS: the server answered "??[2J"`},
		"flood":      {say(string(flood)), "TLS: "},
		"hangs up":   {say(""), "no TLS: the server "},
		"refuses":    {say("\x15\x03\x01\x00\x02\x02\x70"), "TLS: the server refused the handshake: unrecognized name"},
		"no version": {oldestOnly, "TLS: "},
	} {
		t.Run(name, func(t *testing.T) {
			o := observeOne(t, Options{Timeout: short}, serve(t, host+":0", tc.answer))
			if o.Seen() || !strings.HasPrefix(o.Err, tc.want) || o.Err != clean1(o.Err) || len(o.Err) > maxText+3 {
				t.Errorf("err %q, want %q", o.Err, tc.want)
			}
		})
	}
}

func TestRefusedConnectionIsExplained(t *testing.T) {
	ln, err := net.Listen("tcp", host+":0")
	if err != nil {
		t.Fatal(err)
	}
	e, err := cert.ParseEndpoint(ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	ln.Close()
	if o := observeOne(t, Options{}, e); o.Err != "connection refused" || o.Address != e.Address() {
		t.Errorf("got %+v", o)
	}
}

func TestCertificateThatGoCannotReadIsExplained(t *testing.T) {
	a := newAuthority(t)
	leaf := a.Leaf(t, func(c *x509.Certificate) {
		// An extension twice is what crypto/x509 refuses and OpenSSL reads.
		twice := pkix.Extension{Id: asn1.ObjectIdentifier{1, 2, 3, 4}, Value: []byte{5, 0}}
		c.ExtraExtensions = []pkix.Extension{twice}
	}, host)
	broken := bytes.Replace(leaf.Cert.Raw, []byte{6, 3, 0x2a, 3, 4}, []byte{6, 3, 0x55, 0x1d, 0x25}, 1)
	sent := tls.Certificate{Certificate: [][]byte{broken, a.Intermediate.Cert.Raw}, PrivateKey: leaf.Key}
	o := observeOne(t, Options{}, serveTLS(t, host+":0", sent, nil))
	if o.Seen() || !strings.Contains(o.Err, "duplicate extension") || !strings.Contains(o.Err, "serial "+leaf.Cert.SerialNumber.Text(16)+`, issued by "Test Intermediate", valid from `) {
		t.Errorf("got %+v", o)
	}
}

func say(text string) func(net.Conn) {
	return func(conn net.Conn) {
		conn.Read(make([]byte, 4096))
		conn.Write([]byte(text))
	}
}

// drip sends a valid record header and then nothing but one byte for each it gets.
func drip(conn net.Conn) {
	conn.Write([]byte{0x16, 3, 3, 0x40, 0})
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for range tick.C {
		if _, err := conn.Write([]byte{2}); err != nil {
			return
		}
	}
}

// oldestOnly answers with SSL 3.0.
func oldestOnly(conn net.Conn) { say("\x16\x03\x00\x00\x04\x02\x00\x00\x00")(conn) }
