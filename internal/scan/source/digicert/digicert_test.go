package digicert_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/scan"
	"github.com/neverlapse/neverlapse/internal/scan/source"
	"github.com/neverlapse/neverlapse/internal/scan/source/digicert"
	"github.com/neverlapse/neverlapse/internal/scan/source/sourcetest"
	"github.com/neverlapse/neverlapse/internal/target/targettest"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

const apiKey = "AAAABBBBCCCCDDDD"

// api answers as the published documentation of the Services API says: keys,
// pages with their total, the formats of a download, and errors as a list.
type api struct {
	orders []map[string]any
	pems   map[int][]byte
}

func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	var id int
	switch {
	case r.Header.Get("X-DC-DEVKEY") != apiKey:
		refuse(w, 401, "invalid_api_key", "Invalid or missing API key")
	case r.Method != http.MethodGet:
		refuse(w, 405, "method_not_allowed", "only GET")
	case r.URL.Path == "/services/v2/order/certificate":
		a.list(w, r)
	case match(r.URL.Path, "/services/v2/certificate/%d/download/format/pem_noroot", &id):
		if a.pems[id] == nil {
			refuse(w, 404, "not_found|certificate", "The specified certificate does not exist.")
			return
		}
		w.Header().Set("Content-Type", "application/octet-stream")
		_, _ = w.Write(a.pems[id])
	default:
		refuse(w, 404, "not_found|route", "The specified route was not found.")
	}
}

func match(path, pattern string, id *int) bool {
	n, err := fmt.Sscanf(path, pattern, id)
	return err == nil && n == 1 && path == fmt.Sprintf(pattern, *id)
}

func (a *api) list(w http.ResponseWriter, r *http.Request) {
	limit, err1 := strconv.Atoi(r.URL.Query().Get("limit"))
	offset, err2 := strconv.Atoi(r.URL.Query().Get("offset"))
	if errors.Join(err1, err2) != nil || limit > 1000 {
		refuse(w, 400, "invalid_parameter", "limit")
		return
	}
	page := a.orders[min(offset, len(a.orders)):min(offset+limit, len(a.orders))]
	_ = json.NewEncoder(w).Encode(map[string]any{"orders": page, "page": map[string]any{"total": len(a.orders), "limit": limit, "offset": offset}})
}

func refuse(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"errors": []map[string]string{{"code": code, "message": message}}})
}

// order adds one as "List orders" shows it.
func (a *api) order(id int, status string, pem []byte) {
	if a.pems == nil {
		a.pems = map[int][]byte{}
	}
	c := map[string]any{"id": 900 + id, "common_name": "shop.test", "dns_names": []string{"www.shop.test"}, "signature_hash": "sha256"}
	if status != "pending" {
		c["valid_till"], c["days_remaining"] = "2027-04-30", 89
	}
	a.orders = append(a.orders, map[string]any{
		"id": id, "certificate": c, "status": status, "is_renewed": false, "date_created": "2026-10-16T17:29:56+00:00",
		"organization": map[string]any{"id": 112233, "name": "Shop Ltd"}, "container": map[string]any{"id": 14, "name": "Web\u001b[31m"},
		"product": map[string]any{"name_id": "ssl_plus", "name": "Standard SSL", "type": "ssl_certificate"}, "has_duplicates": false,
	})
	a.pems[900+id] = pem
}

func open(t testing.TB, url, key string) *digicert.Source {
	t.Helper()
	file := filepath.Join(t.TempDir(), "key")
	must(t, os.WriteFile(file, []byte(key+"\n"), 0o600))
	s, err := digicert.New("bought", digicert.Options{KeyFile: file, Address: url + "/services/v2/"}, scan.New(scan.Options{}))
	must(t, err)
	s.Pages(2)
	return s
}

func TestDigiCertKeepsTheContract(t *testing.T) {
	a := &api{}
	one, two := targettest.Fresh(t, "shop.test", "www.shop.test"), targettest.Fresh(t, "shop.test", "www.shop.test")
	a.order(1, "issued", one.Chain)
	a.order(2, "pending", nil)
	a.order(3, "reissue_pending", two.Chain)
	a.order(4, "issued", nil) // the download is refused
	a.order(5, "issued", []byte("not PEM"))
	a.order(6, "canceled", nil)
	server := httptest.NewServer(a)
	defer server.Close()
	sourcetest.Run(t, sourcetest.Harness{
		Open: func(t *testing.T) source.Source { return open(t, server.URL, apiKey) },
		Want: map[string]cert.Fingerprint{
			"ca:bought/1": targettest.FingerprintOf(one), "ca:bought/3": targettest.FingerprintOf(two), "ca:bought/4": "", "ca:bought/5": "",
		},
		Pages: 3, Secrets: []string{apiKey},
	})
}

func TestAnOrderSaysWhoseItIsAndThatItWasRevoked(t *testing.T) {
	a := &api{}
	a.order(1, "revoked", targettest.Fresh(t, "shop.test", "www.shop.test").Chain)
	a.order(2, "revoked", nil)
	server := httptest.NewServer(a)
	defer server.Close()
	page, err := open(t, server.URL, apiKey).Look(t.Context(), nil, func(string) {})
	must(t, err)
	if len(page.Sightings) != 1 || page.Next != nil {
		t.Fatalf("%+v", page)
	}
	s := page.Sightings[0]
	if s.Host != "Shop Ltd" || s.Team != "Web?[31m" || s.Findings[len(s.Findings)-1].Code != cert.Revoked {
		t.Errorf("%+v", s)
	}
}

func TestEachRefusalHasItsKindAndTheKeyIsInNone(t *testing.T) {
	answer := func(status int, code string, headers ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			for i := 0; i+1 < len(headers); i += 2 {
				w.Header().Set(headers[i], headers[i+1])
			}
			refuse(w, status, code, "said so\x1b[31m")
		}
	}
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		kind   fault.Kind
		says   string
		wait   time.Duration
	}{
		"401":             {(&api{}).ServeHTTP, fault.Configuration, "the API key is not accepted: 401 invalid_api_key", 0},
		"403":             {answer(403, "access_denied"), fault.Configuration, "give its user the right to view orders", 0},
		"429, seconds":    {answer(429, "request_limit_exceeded", "Retry-After", "70"), fault.Unavailable, "request_limit_exceeded", time.Minute},
		"429, a date":     {answer(429, "request_limit_exceeded", "Retry-After", time.Now().Add(5*time.Minute).UTC().Format(http.TimeFormat)), fault.Unavailable, "", 4 * time.Minute},
		"429, as usual":   {answer(429, "request_limit_exceeded"), fault.Unavailable, "", 2 * time.Minute},
		"503":             {answer(503, "maintenance", "Retry-After", "600"), fault.Unavailable, "", 9 * time.Minute},
		"500":             {answer(500, "oops"), fault.Transient, "", 0},
		"another program": {func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") }, fault.Configuration, "not the Services API", 0},
		"a redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://127.0.0.1:1/", http.StatusFound)
		}, fault.Configuration, "302", 0},
	} {
		server := httptest.NewServer(c.answer)
		_, err := open(t, server.URL, "WRONGWRONG").Look(t.Context(), nil, func(string) {})
		server.Close()
		if !fault.Is(err, c.kind) || !strings.Contains(fmt.Sprint(err), c.says) || strings.Contains(fmt.Sprint(err), "WRONGWRONG") || strings.ContainsRune(fmt.Sprint(err), 0x1b) {
			t.Errorf("%s: %v (%s), want %s with %q", name, err, fault.KindOf(err), c.kind, c.says)
		}
		if c.wait > 0 && time.Until(fault.RetryAt(err)) < c.wait {
			t.Errorf("%s: to be tried again at %s, too early", name, fault.RetryAt(err))
		}
	}
}

func TestBadOptionsAreRefusedWithTheirField(t *testing.T) {
	for says, o := range map[string]digicert.Options{
		"key_file: exactly one": {},
		"absolute path":         {KeyFile: "key"},
		"in the open":           {KeyEnv: "X", Address: "http://api.test/"},
		"address:":              {KeyEnv: "X", Address: "api"},
		"timeout:":              {KeyEnv: "X", Timeout: time.Hour},
		"is empty":              {KeyEnv: "NEVERLAPSE_TEST_NO_SUCH"},
	} {
		if _, err := digicert.New("x", o, scan.New(scan.Options{})); !fault.Is(err, fault.Configuration) || !strings.Contains(err.Error(), says) {
			t.Errorf("New = %v; want fault.Configuration with %q", err, says)
		}
	}
}
