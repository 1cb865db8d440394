package acme_test

import (
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/neverlapse/neverlapse/internal/ca/acme"
)

// fakeCA answers what it is told to, without looking at what it is sent.
type fakeCA struct {
	*httptest.Server
	directory map[string]any // added to the directory
	order     map[string]any // added to every order
	authz     map[string]any // the authorization
	newOrder  func(http.ResponseWriter)
	ari       func(http.ResponseWriter) // renewal information of anything
	seen      recorder
}

func newFakeCA(t *testing.T) *fakeCA {
	t.Helper()
	f := &fakeCA{}
	f.Server = httptest.NewTLSServer(f)
	t.Cleanup(f.Close)
	return f
}

func (f *fakeCA) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.seen.saw(r.URL.Path, r)
	w.Header().Set("Replay-Nonce", fmt.Sprintf("nonce-%d", f.seen.count()))
	answer := map[string]any{}
	if strings.HasPrefix(r.URL.Path, "/ari/") {
		f.ari(w)
		return
	}
	switch r.URL.Path {
	case "/dir":
		answer = map[string]any{"newNonce": f.URL + "/nonce", "newAccount": f.URL + "/account", "newOrder": f.URL + "/new-order"}
		for k, v := range f.directory {
			answer[k] = v
		}
	case "/account":
		w.Header().Set("Location", f.URL+"/account/1")
		answer["status"] = "valid"
	case "/new-order", "/order/1":
		if f.newOrder != nil {
			f.newOrder(w)
			return
		}
		w.Header().Set("Location", f.URL+"/order/1")
		answer = map[string]any{
			"status": "pending", "authorizations": []string{f.URL + "/authz/1"}, "finalize": f.URL + "/finalize",
			"identifiers": []map[string]string{{"type": "dns", "value": "a.example.com"}},
		}
		for k, v := range f.order {
			answer[k] = v
		}
	case "/authz/1":
		answer = f.authz
	}
	_ = json.NewEncoder(w).Encode(answer)
}

// options for a client that trusts the fake.
func (f *fakeCA) options(t *testing.T) acme.Options {
	t.Helper()
	file := filepath.Join(t.TempDir(), "root.pem")
	root := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: f.Certificate().Raw})
	if err := os.WriteFile(file, root, 0o644); err != nil {
		t.Fatal(err)
	}
	return acme.Options{Directory: f.URL + "/dir", RootFile: file, AcceptTerms: true, Preflight: []string{acme.CheckNothing}}
}

func httpChallenge(url, token string) map[string]any {
	return map[string]any{
		"status": "pending", "identifier": map[string]string{"type": "dns", "value": "a.example.com"},
		"challenges": []map[string]any{{"type": "http-01", "url": url, "status": "pending", "token": token}},
	}
}
