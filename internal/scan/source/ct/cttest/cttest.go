// Package cttest is a stand-in of SSLMate's CT Search API, written from its published
// documentation (https://sslmate.com/help/reference/ct_search_api_v1), and a CA that
// makes precertificates as RFC 6962 has them. Tests of the source ct and end-to-end
// tests use it. It is no part of the product.
package cttest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
)

// API is the stand-in. Its fields may be changed while no request is under way.
type API struct {
	Token   string           // that is asked for; empty: none is
	PerPage int              // issuances of one answer; 100 if 0
	Answer  http.HandlerFunc // answers in its place, if set

	mu     sync.Mutex
	logged []*issuance
	asked  []string // queries
}

type issuance struct {
	id      int
	der     []byte
	names   []string
	from    time.Time
	to      time.Time
	revoked time.Time
}

// Log adds a certificate or a precertificate, in DER, and gives the ID of the issuance.
func (a *API) Log(t testing.TB, der []byte) (id string) {
	t.Helper()
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return a.LogAs(der, leaf.DNSNames, leaf.NotBefore, leaf.NotAfter)
}

// LogAs adds what need be no certificate at all.
func (a *API) LogAs(der []byte, names []string, from, to time.Time) (id string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	n := 8741020538 + 17*len(a.logged)
	a.logged = append(a.logged, &issuance{id: n, der: der, names: names, from: from, to: to})
	return strconv.Itoa(n)
}

// Revoke says of an issuance that it was revoked.
func (a *API) Revoke(id string, at time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, x := range a.logged {
		if strconv.Itoa(x.id) == id {
			x.revoked = at
		}
	}
}

// Asked gives the queries since it was asked last.
func (a *API) Asked() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := a.asked
	a.asked = nil
	return out
}

func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked = append(a.asked, r.URL.RawQuery)
	w.Header().Set("Content-Type", "application/json")
	q := r.URL.Query()
	domain := q.Get("domain")
	switch {
	case a.Answer != nil:
		a.Answer(w, r)
	case a.Token != "" && r.Header.Get("Authorization") != "Bearer "+a.Token:
		Refuse(w, http.StatusUnauthorized, "unauthorized", "The API key is not valid")
	case r.Method != http.MethodGet || r.URL.Path != "/v1/issuances":
		Refuse(w, http.StatusNotFound, "not_found", "There is no such endpoint")
	case len(q["domain"]) != 1 || !strings.Contains(domain, "."):
		Refuse(w, http.StatusBadRequest, "bad_request", "domain must be a registered domain or subordinate to one")
	default:
		a.list(w, domain, q.Get("after"), q.Get("include_subdomains") == "true", q.Get("match_wildcards") == "true", q["expand"])
	}
}

func (a *API) list(w http.ResponseWriter, domain, after string, below, wildcards bool, expand []string) {
	first := 0
	if after != "" {
		i := slices.IndexFunc(a.logged, func(x *issuance) bool { return strconv.Itoa(x.id) == after })
		if i < 0 {
			Refuse(w, http.StatusBadRequest, "bad_request", "after is not the ID of an issuance")
			return
		}
		first = i + 1
	}
	most := a.PerPage
	if most == 0 {
		most = 100
	}
	out := []map[string]any{}
	for _, x := range a.logged[first:] {
		matches := slices.ContainsFunc(x.names, func(n string) bool {
			_, parent, _ := strings.Cut(domain, ".")
			return n == domain || below && strings.HasSuffix(n, "."+domain) || wildcards && n == "*."+parent
		})
		if matches && time.Now().Before(x.to) && len(out) < most {
			out = append(out, x.show(expand))
		}
	}
	_ = json.NewEncoder(w).Encode(out)
}

// show is an issuance object with the fields that are expanded.
func (x *issuance) show(expand []string) map[string]any {
	sum := sha256.Sum256(x.der)
	out := map[string]any{
		"id": strconv.Itoa(x.id), "tbs_sha256": hex.EncodeToString(sum[:]), "cert_sha256": hex.EncodeToString(sum[:]), "pubkey_sha256": strings.Repeat("8d", 32),
		"not_before": x.from.UTC().Format(time.RFC3339), "not_after": x.to.UTC().Format(time.RFC3339), "revoked": !x.revoked.IsZero(),
	}
	for _, field := range expand {
		switch field {
		case "dns_names":
			out[field] = x.names
		case "cert_der":
			out[field] = base64.StdEncoding.EncodeToString(x.der)
		case "revocation":
			revocation := map[string]any{"time": nil, "reason": nil, "checked_at": time.Now().UTC().Format(time.RFC3339)}
			if !x.revoked.IsZero() {
				revocation["time"], revocation["reason"] = x.revoked.UTC().Format(time.RFC3339), 1
			}
			out[field] = revocation
		}
	}
	return out
}

// Refuse answers with an error object.
func Refuse(w http.ResponseWriter, status int, code, message string) {
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"code": code, "message": message})
}

// CA issues certificates with precertificates before them.
type CA struct {
	root *x509.Certificate
	key  *ecdsa.PrivateKey
}

// NewCA makes one of that name.
func NewCA(t testing.TB, name string) *CA {
	t.Helper()
	key := newKey(t)
	template := &x509.Certificate{
		SerialNumber: serial(t), Subject: pkix.Name{Organization: []string{name}, CommonName: name + " R1"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(5, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	return &CA{root: parsed(t, sign(t, template, template, key, key)), key: key}
}

// The extensions of RFC 6962: that of a precertificate, and the list of timestamps
// by which the certificate differs from it.
var (
	poison = pkix.Extension{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 11129, 2, 4, 3}, Critical: true, Value: asn1.NullBytes}
	stamps = pkix.Extension{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 11129, 2, 4, 2}, Value: []byte{0x04, 0x02, 0x00, 0x00}}
)

// Issue issues a certificate for as many days, and gives its precertificate (DER) too.
func (ca *CA) Issue(t testing.TB, days int, names ...string) (precertificate []byte, pair cert.Pair) {
	t.Helper()
	key := newKey(t)
	template := x509.Certificate{
		SerialNumber: serial(t), Subject: pkix.Name{CommonName: names[0]}, DNSNames: names, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(0, 0, days),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	template.ExtraExtensions = []pkix.Extension{poison}
	precertificate = sign(t, &template, ca.root, key, ca.key)
	template.ExtraExtensions = []pkix.Extension{stamps}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	chain := append(encode("CERTIFICATE", sign(t, &template, ca.root, key, ca.key)), encode("CERTIFICATE", ca.root.Raw)...)
	return precertificate, cert.Pair{Chain: chain, Key: encode("PRIVATE KEY", pkcs8)}
}

func sign(t testing.TB, template, parent *x509.Certificate, of, by *ecdsa.PrivateKey) []byte {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, of.Public(), by)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// serial has 128 bits, as those of public CAs.
func serial(t testing.TB) *big.Int {
	t.Helper()
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		t.Fatal(err)
	}
	return n.Add(n, new(big.Int).Lsh(big.NewInt(1), 120))
}

func parsed(t testing.TB, der []byte) *x509.Certificate {
	t.Helper()
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func encode(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}
