package crl_test

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/scan"
	"github.com/neverlapse/neverlapse/internal/scan/crl"
	"github.com/neverlapse/neverlapse/internal/scan/scantest"
)

func listOf(t *testing.T, by scantest.Issuer, until time.Duration, serials ...*big.Int) []byte {
	t.Helper()
	template := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: time.Now().Add(-48 * time.Hour), NextUpdate: time.Now().Add(until)}
	for _, s := range serials {
		template.RevokedCertificateEntries = append(template.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: s, RevocationTime: time.Now().Add(-time.Hour), ReasonCode: 1})
	}
	issuer := *by.Cert
	issuer.KeyUsage |= x509.KeyUsageCRLSign
	der, err := x509.CreateRevocationList(rand.Reader, template, &issuer, by.Key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func TestWhatTheListsOfCAsSayIsTold(t *testing.T) {
	a, stranger := scantest.NewAuthority(t), scantest.NewAuthority(t)
	serial := big.NewInt(4711)
	var asked atomic.Int32
	answers := map[string][]byte{
		"/good": listOf(t, a.Intermediate, time.Hour), "/revoked": listOf(t, a.Intermediate, time.Hour, big.NewInt(1), serial),
		"/old": listOf(t, a.Intermediate, -time.Hour), "/forged": listOf(t, stranger.Intermediate, time.Hour), "/garbage": []byte("\x1b[2J"),
		"/endless": bytes.Repeat([]byte("x"), 17<<20),
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if r.URL.Path == "/away" {
			http.Redirect(w, r, "/good", http.StatusFound)
			return
		}
		_, _ = w.Write(answers[r.URL.Path])
	}))
	defer server.Close()
	here := scan.Networks{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
	for path, want := range map[string]struct {
		code cert.FindingCode
		what string
	}{
		"/good": {}, "/revoked": {cert.Revoked, "(the key was compromised)"}, "/old": {cert.RevocationUnknown, "out of date since"},
		"/forged": {cert.RevocationUnknown, "not signed by its issuer"}, "/garbage": {cert.RevocationUnknown, "cannot be read"},
		"/endless": {cert.RevocationUnknown, "longer than 16 MB"}, "/away": {cert.RevocationUnknown, "status 302"},
		"ftp": {cert.RevocationUnknown, "begins with http://"},
	} {
		t.Run(strings.Trim(path, "/"), func(t *testing.T) {
			point := server.URL + path
			if path == "ftp" {
				point = "file:///etc/passwd"
			}
			leaf := a.Leaf(t, func(c *x509.Certificate) { c.SerialNumber, c.CRLDistributionPoints = serial, []string{point} }, "www.test")
			chain := []*x509.Certificate{leaf.Cert, a.Intermediate.Cert}
			lists := crl.New(here, time.Now)
			before := asked.Load()
			for range 2 {
				got := lists.Check(t.Context(), chain)
				if want.code == "" && len(got) == 0 {
					continue
				}
				if len(got) != 1 || got[0].Code != want.code || !strings.Contains(got[0].What, want.what) {
					t.Errorf("got %+v, want %+v", got, want)
				}
			}
			if n := asked.Load() - before; n > 1 {
				t.Errorf("asked %d times", n)
			}
			// Nobody allowed this machine's own services to be asked.
			before = asked.Load()
			got := crl.New(scan.Networks{}, time.Now).Check(t.Context(), chain)
			if len(got) != 1 || got[0].Code != cert.RevocationUnknown || asked.Load() != before {
				t.Errorf("not allowed: %+v", got)
			}
		})
	}
	plain := a.Leaf(t, nil, "www.test")
	if got := crl.New(here, time.Now).Check(t.Context(), []*x509.Certificate{plain.Cert, a.Intermediate.Cert}); len(got) != 0 {
		t.Errorf("without a list: %+v", got)
	}
}
