package recipes_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
)

const f5Password = `pass"w$ord`

// f5 stands in for a BIG-IP: it takes the requests that F5 documents and refuses
// others. Commands of a transaction change nothing before it is committed.
type f5 struct {
	mu      sync.Mutex
	uploads map[string][]byte // by path on the device
	files   map[string][]byte // by kind and full name
	profile []map[string]string
	open    map[string][]f5Command
	next    int
	saved   int
	refuse  string // what a commit is refused with
	busy    bool
}

type f5Command struct {
	method, path string
	body         map[string]any
}

func newF5() *f5 {
	return &f5{uploads: map[string][]byte{}, files: map[string][]byte{}, open: map[string][]f5Command{}, next: 1389812351}
}

const (
	f5Profile   = "/mgmt/tm/ltm/profile/client-ssl/~Common~shop"
	f5Downloads = "/var/config/rest/downloads/"
	f5Files     = "/mgmt/tm/sys/file/"
)

func (f *f5) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	answer, status := any(map[string]any{}), http.StatusOK
	user, password, _ := r.BasicAuth()
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	switch {
	case err != nil:
		status = http.StatusBadRequest
	case user != "neverlapse" || password != f5Password:
		status = http.StatusUnauthorized
	case f.busy:
		status = http.StatusServiceUnavailable
	default:
		var no error
		if answer, no = f.handle(r, body); no != nil {
			status, answer = http.StatusBadRequest, map[string]any{"code": 400, "message": no.Error()}
		}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answer) // the client has gone
}

func (f *f5) handle(r *http.Request, body []byte) (any, error) {
	if name, ok := strings.CutPrefix(r.URL.Path, "/mgmt/shared/file-transfer/uploads/"); ok && r.Method == http.MethodPost {
		want := fmt.Sprintf("0-%d/%d", len(body)-1, len(body))
		if r.Header.Get("Content-Type") != "application/octet-stream" || r.Header.Get("Content-Range") != want || strings.Contains(name, "/") {
			return nil, fmt.Errorf("upload of %q with %v", name, r.Header)
		}
		f.uploads[f5Downloads+name] = body
		return map[string]any{}, nil
	}
	c := f5Command{method: r.Method, path: r.URL.Path}
	if len(body) > 0 {
		if err := json.Unmarshal(body, &c.body); err != nil || r.Header.Get("Content-Type") != "application/json" {
			return nil, fmt.Errorf("%s %s: %v, %s", c.method, c.path, err, r.Header.Get("Content-Type"))
		}
	}
	if t := r.Header.Get("X-F5-REST-Coordination-Id"); t != "" {
		if _, ok := f.open[t]; !ok {
			return nil, fmt.Errorf("there is no transaction %s", t)
		}
		f.open[t] = append(f.open[t], c)
		return c.body, nil
	}
	return f.run(c)
}

func (f *f5) run(c f5Command) (any, error) {
	id, _ := strings.CutPrefix(c.path, "/mgmt/tm/transaction/")
	switch _, pending := f.open[id]; {
	case c.method == "POST" && c.path == "/mgmt/tm/transaction":
		f.next++
		f.open[fmt.Sprint(f.next)] = []f5Command{}
		return map[string]any{"transId": f.next, "state": "STARTED"}, nil
	case c.method == "PATCH" && pending && c.body["state"] == "VALIDATING":
		return map[string]any{"state": "COMPLETED"}, f.commit(id)
	case c.method == "GET" && c.path == f5Profile:
		return map[string]any{"name": "shop", "certKeyChain": f.profile}, nil
	case c.method == "GET" && strings.HasPrefix(c.path, f5Files):
		return f.look(strings.TrimPrefix(c.path, f5Files))
	case c.method == "POST" && c.path == "/mgmt/tm/sys/config" && c.body["command"] == "save":
		f.saved++
		return c.body, nil
	case c.method == "POST" && c.path == "/mgmt/tm/util/unix-rm" && c.body["command"] == "run":
		delete(f.uploads, fmt.Sprint(c.body["utilCmdArgs"]))
		return c.body, nil
	}
	return nil, fmt.Errorf("01020036:3: %s %s %v is not understood", c.method, c.path, c.body)
}

// commit does all of a transaction or nothing; a pair must belong together.
func (f *f5) commit(id string) error {
	commands := f.open[id]
	delete(f.open, id)
	if f.refuse != "" {
		return fmt.Errorf("%s", f.refuse)
	}
	made, profile := map[string][]byte{}, f.profile
	for _, c := range commands {
		kind, isFile := strings.CutPrefix(c.path, f5Files)
		switch {
		case c.method == "POST" && isFile:
			data, ok := f.uploads[strings.TrimPrefix(fmt.Sprint(c.body["sourcePath"]), "file:")]
			name := fmt.Sprintf("%s/%s/%s", kind, c.body["partition"], c.body["name"])
			if _, twice := f.files[name]; !ok || twice {
				return fmt.Errorf("01020066:3: %s: uploaded %v, there already %v", name, ok, twice)
			}
			made[name] = data
		case c.method == "PATCH" && c.path == f5Profile:
			data, err := json.Marshal(c.body["certKeyChain"])
			if err != nil {
				return err
			}
			profile = nil
			if err := json.Unmarshal(data, &profile); err != nil {
				return err
			}
		default:
			return fmt.Errorf("%s %s in a transaction", c.method, c.path)
		}
	}
	file := func(kind, name string) []byte {
		if data, ok := made[kind+name]; ok {
			return data
		}
		return f.files[kind+name]
	}
	for _, e := range profile {
		if err := (cert.Pair{Chain: append(file("ssl-cert", e["cert"]), file("ssl-cert", e["chain"])...), Key: file("ssl-key", e["key"])}).Check(nil, time.Now()); err != nil {
			return fmt.Errorf("01070317:3: profile's key and certificate do not match: %w", err)
		}
	}
	for name, data := range made {
		f.files[name] = data
	}
	f.profile = profile
	return nil
}

// look gives one certificate, or the names of all files of a kind.
func (f *f5) look(path string) (any, error) {
	kind, name, one := strings.Cut(path, "/")
	if !one {
		items := []map[string]string{}
		for full := range f.files {
			if p := strings.Split(full, "/"); p[0] == kind {
				items = append(items, map[string]string{"partition": p[1], "name": p[2]})
			}
		}
		return map[string]any{"items": items}, nil
	}
	chain, err := cert.DecodeChain(f.files[kind+strings.ReplaceAll(name, "~", "/")])
	if err != nil {
		return nil, fmt.Errorf("01020036:3: the requested file %s was not found", name)
	}
	var pairs []string
	sum := string(cert.FingerprintOf(chain[0]))
	for i := 0; i < len(sum); i += 2 {
		pairs = append(pairs, strings.ToUpper(sum[i:i+2]))
	}
	return map[string]any{"fingerprint": "SHA256/" + strings.Join(pairs, ":"), "expirationDate": chain[0].NotAfter.Unix()}, nil
}

// alone does something while no request is answered.
func (f *f5) alone(do func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	do()
}

// left is how many uploads were not removed.
func (f *f5) left() (n int) {
	f.alone(func() { n = len(f.uploads) })
	return n
}

// serves is the leaf that the profile has.
func (f *f5) serves(t *testing.T) cert.Fingerprint {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.profile) != 1 {
		t.Fatalf("the profile has %d entries", len(f.profile))
	}
	chain, err := cert.DecodeChain(f.files["ssl-cert"+f.profile[0]["cert"]])
	must(t, err)
	return cert.FingerprintOf(chain[0])
}
