package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/app"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/scan/scantest"
)

const day = 24 * time.Hour

// spanning issues for a span around today.
func spanning(from, to time.Duration) func(*x509.Certificate) {
	return func(c *x509.Certificate) { c.NotBefore, c.NotAfter = today.Add(from), today.Add(to) }
}

// served runs real TLS servers for an authority whose root is in a file.
type served struct {
	t *testing.T
	scantest.Authority
	roots string
}

func newServed(t *testing.T) served {
	t.Helper()
	s := served{t, scantest.At(t, today.Add(-30*day)), filepath.Join(t.TempDir(), "roots.pem")}
	s.Root = scantest.Make(t, &x509.Certificate{Subject: s.Root.Cert.Subject, IsCA: true, BasicConstraintsValid: true, NotBefore: today.Add(-999 * day), NotAfter: today.Add(999 * day)}, nil)
	s.Intermediate = scantest.Make(t, &x509.Certificate{Subject: s.Intermediate.Cert.Subject, IsCA: true, BasicConstraintsValid: true, NotBefore: today.Add(-999 * day), NotAfter: today.Add(999 * day)}, &s.Root)
	write(t, s.roots, cert.EncodeChain([]*x509.Certificate{s.Root.Cert}))
	return s
}

func write(t *testing.T, path string, data []byte) string {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// at serves what is sent, and gives the address.
func (s served) at(c tls.Certificate) string {
	return scantest.ServeTLS(s.t, "127.0.0.1:0", c, nil).Address()
}

// inspectJSON inspects and decodes what programs read.
func inspectJSON(t *testing.T, args ...string) (int, []inspectView) {
	t.Helper()
	code, out, errs := invoke(t, &fake{}, nil, append([]string{"inspect", "-o", "json"}, args...)...)
	var v []inspectView
	if err := json.Unmarshal([]byte(out), &v); err != nil {
		t.Fatalf("%v: %s%s", err, out, errs)
	}
	return code, v
}

func TestInspectTellsRealServersApart(t *testing.T) {
	s := newServed(t)
	const host = "127.0.0.1"
	good := s.Leaf(t, spanning(-10*day, 80*day), host)
	soon := s.Leaf(t, spanning(-80*day, 10*day), host)
	gone := s.Leaf(t, spanning(-91*day, -day), host)
	closed, err := net.Listen("tcp", host+":0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	for name, tc := range map[string]struct {
		address string
		code    int
		want    []cert.FindingCode
	}{
		"good":         {s.at(s.Chain(good)), exitOK, nil},
		"with root":    {s.at(scantest.Send(good, s.Intermediate, s.Root)), exitOK, []cert.FindingCode{cert.RootSent}},
		"incomplete":   {s.at(scantest.Send(good)), exitTrouble, []cert.FindingCode{cert.ChainIncomplete}},
		"another":      {s.at(s.Chain(s.Leaf(t, spanning(-10*day, 80*day), "www.test"))), exitTrouble, []cert.FindingCode{cert.NameMismatch}},
		"soon":         {s.at(s.Chain(soon)), exitExpiring, []cert.FindingCode{cert.Expiring}},
		"gone":         {s.at(s.Chain(gone)), exitExpiring, []cert.FindingCode{cert.Expired}},
		"nobody":       {closed.Addr().String(), exitUnreachable, nil},
		"no TLS there": {scantest.Serve(t, host+":0", func(c net.Conn) { _, _ = c.Write([]byte("220 mail\r\n")) }).Address(), exitUnreachable, nil},
	} {
		t.Run(name, func(t *testing.T) {
			code, v := inspectJSON(t, tc.address, "--roots", s.roots)
			if code != tc.code || len(v) != 1 || v[0].ExitCode != code {
				t.Fatalf("exit code %d, want %d: %+v", code, tc.code, v)
			}
			var codes []cert.FindingCode
			for _, sub := range v[0].Subjects {
				for _, f := range sub.Findings {
					codes = append(codes, f.Code)
				}
			}
			if !slices.Equal(codes, tc.want) || (tc.code == exitUnreachable) != (v[0].Error != "") {
				t.Errorf("found %q, want %q; %q", codes, tc.want, v[0].Error)
			}
		})
	}
	code, v := inspectJSON(t, s.at(s.Chain(good)), s.at(s.Chain(gone)), closed.Addr().String(), "--roots", s.roots)
	if code != exitExpiring || len(v) != 3 || v[0].ExitCode != exitOK || v[2].ExitCode != exitUnreachable {
		t.Errorf("of three: exit code %d, %d documents", code, len(v))
	}
}

func TestInspectShowsPeopleWhatToDo(t *testing.T) {
	s := newServed(t)
	address := s.at(s.Chain(s.Leaf(t, spanning(-80*day, 10*day), "shop.test")))
	code, out, errs := invoke(t, &fake{}, nil, "inspect", address, "--sni", "shop.test", "--roots", s.roots)
	wantCode(t, code, exitExpiring, errs)
	wantText(t, out,
		address+"#shop.test serves leaf: 10 days left\n", "Test Intermediate", "WARNING expiring: 10 days left; the P3 threshold is 15d before the end",
		"mend  Renew it and reload the server.",
		"\n  2026-06  2026-06-01 12:00 KST (03:00 UTC) ", "  P3 expiring to owner\n", "the certificate ends", "P1 expiring to owner, manager and on-call, paged",
		"renewed, until ", "\n  neverlapse enroll '"+address+"#shop.test' --cert-name shop.test --owner PERSON --team TEAM\n")
	wantText(t, errs, "neverlapse: "+address+": 0 errors, 1 warning\n")
	if strings.Contains(out, "\x1b") {
		t.Error("coloured although nobody asked for it")
	}
	_, colored, _ := invoke(t, &fake{}, nil, "inspect", address, "--sni", "shop.test", "--roots", s.roots, "--color", "always")
	wantText(t, colored, "\x1b["+yellow+"m10 days left\x1b[0m", "\x1b["+yellow+"mWARNING\x1b[0m", "\x1b["+red+"mthe certificate ends\x1b[0m")
	if strip(colored) != out {
		t.Error("colours move the columns")
	}
}

func TestInspectReadsFiles(t *testing.T) {
	s := newServed(t)
	leaf := s.Leaf(t, spanning(-10*day, 80*day), "www.test", "shop.test")
	dir := t.TempDir()
	good := write(t, filepath.Join(dir, "good.pem"), cert.EncodeChain([]*x509.Certificate{leaf.Cert, s.Intermediate.Cert}))
	alone := write(t, filepath.Join(dir, "alone.der"), leaf.Cert.Raw)
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	code, v := inspectJSON(t, good, "--roots", s.roots)
	if code != exitOK || v[0].Kind != "file" || v[0].Subjects[0].Format != "PEM" || len(v[0].Subjects[0].Chain) != 2 || *v[0].DaysLeft != 80 {
		t.Errorf("exit code %d: %+v", code, v)
	}
	if want := "neverlapse enroll shop.test --owner PERSON --team TEAM"; v[0].Enroll != want {
		t.Errorf("%q, want %q", v[0].Enroll, want)
	}
	for path, want := range map[string]int{alone: exitTrouble, fifo: exitUnreachable, dir + "/none.pem": exitUnreachable, "/dev/zero": exitUnreachable} {
		if code, _ := inspectJSON(t, path, "--roots", s.roots); code != want {
			t.Errorf("%s: exit code %d, want %d", path, code, want)
		}
	}
	if code, _ := inspectJSON(t, good, "--roots", s.roots, "--names", "other.test"); code != exitTrouble {
		t.Errorf("names that are not covered: exit code %d", code)
	}
	code, v = inspectJSON(t, s.roots)
	if code == exitExpiring || v[0].Enroll != "" || len(v[0].Watched) > 0 {
		t.Errorf("a root is taken for a server's certificate: %d, %+v", code, v[0])
	}
}

// An appliance often serves what openssl req -x509 makes, which calls itself a CA.
func TestAServedCertificateThatCallsItselfACAHasACalendarToo(t *testing.T) {
	s := newServed(t)
	template := scantest.LeafTemplate("127.0.0.1")
	template.IsCA, template.BasicConstraintsValid = true, true
	template.NotBefore, template.NotAfter = today.Add(-day), today.Add(19*day)
	code, v := inspectJSON(t, s.at(scantest.Send(scantest.Make(t, template, nil))))
	if code != exitTrouble || v[0].Enroll == "" || len(v[0].Watched) == 0 || len(v[0].Renewed) == 0 {
		t.Errorf("exit code %d, enroll %q, %d and %d events", code, v[0].Enroll, len(v[0].Watched), len(v[0].Renewed))
	}
}

// TestInspectIsStable holds every field of what programs read, and the layout,
// by a case that no network is needed for.
func TestInspectIsStable(t *testing.T) {
	v := sample().State.Live
	v.Issuer = "Evil\x1b[2J \u202e CA"
	o := func(address string, v cert.Version, why string) cert.Observation {
		return cert.Observation{Address: address, Version: v, Err: why}
	}
	link := cert.Link{Subject: "shop.test", Issuer: v.Issuer, NotBefore: v.NotBefore, NotAfter: v.NotAfter, KeyAlgorithm: "EC256", Signature: "SHA256-RSA", Serial: "01ab", Fingerprint: v.Fingerprint}
	w := v
	w.Fingerprint, w.NotAfter = "cccccccccccccccc", today.Add(60*day)
	other := link
	other.NotAfter, other.Fingerprint = w.NotAfter, w.Fingerprint
	l := &looked{arg: "shop.test", endpoint: cert.Endpoint{Host: "shop.test", Port: 443}, found: app.Inspection{
		Observations: []cert.Observation{o("192.0.2.1:443", v, ""), o("192.0.2.2:443", w, ""), o("192.0.2.3:443", cert.Version{}, "connection refused")},
		Subjects: []app.Subject{
			{Where: []string{"shop.test:443 (192.0.2.1:443)"}, Version: v, Chain: []cert.Link{link}, Findings: []cert.Finding{cert.Find(cert.Expiring, "13 days left"), cert.Find(cert.ChainIncomplete, "chain incomplete: Evil\x1b[2J")}},
			{Where: []string{"shop.test:443 (192.0.2.2:443)"}, Version: w, Chain: []cert.Link{other}},
		},
		Findings: []cert.Finding{cert.Find(cert.AddressesDisagree, "the addresses serve 2 certificates")},
	}}
	for _, format := range []string{"text", "json"} {
		var out strings.Builder
		c := seoul(t)
		c.out, c.errs, c.now, c.output.value = &out, &strings.Builder{}, func() time.Time { return today }, format
		if err := c.inspected([]*looked{l}); c.explain(err).code != exitExpiring {
			t.Errorf("%v", err)
		}
		golden(t, "inspect."+format, out.String())
		if strings.ContainsAny(out.String(), "\x1b\u202e") {
			t.Errorf("control characters got through: %q", out.String())
		}
	}
}
