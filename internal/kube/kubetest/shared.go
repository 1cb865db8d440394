package kubetest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

// One API server serves all tests of a package.
var (
	once     sync.Once
	shared   *Cluster
	sharedAt string
	errStart error
)

// Shared is the API server of this package's tests; it skips the test where none
// was built. A package that calls it calls Main, too.
func Shared(t testing.TB) *Cluster {
	t.Helper()
	Need(t)
	once.Do(func() {
		if sharedAt, errStart = os.MkdirTemp("", "kubetest"); errStart == nil {
			shared, errStart = Start(context.Background(), sharedAt)
		}
	})
	if errStart != nil {
		t.Fatal(errStart)
	}
	return shared
}

// Main runs the tests of a package and ends its API server.
func Main(m *testing.M) {
	code := m.Run()
	if shared != nil {
		if err := shared.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	if sharedAt != "" {
		_ = os.RemoveAll(sharedAt)
	}
	os.Exit(code)
}

// Forget has the etcd forget everything but the present, as it does by itself
// after minutes: lists that were begun before cannot go on (410, Expired).
func (c *Cluster) Forget(t testing.TB) {
	t.Helper()
	var now struct {
		Header struct {
			Revision string `json:"revision"`
		} `json:"header"`
	}
	c.tellEtcd(t, "range", `{"key":"AA=="}`, &now)
	c.tellEtcd(t, "compaction", `{"physical":true,"revision":"`+now.Header.Revision+`"}`, nil)
}

func (c *Cluster) tellEtcd(t testing.TB, what, body string, answer any) {
	t.Helper()
	resp, err := http.Post(c.kept+"/v3/kv/"+what, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err == nil && answer != nil {
		err = json.Unmarshal(data, answer)
	}
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("etcd %s: %s %s %v", what, resp.Status, data, err)
	}
}

// Define installs CustomResourceDefinitions, and waits until the API server serves them.
func (c *Cluster) Define(t testing.TB, files ...string) {
	t.Helper()
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var definition map[string]any
		if err := yaml.Unmarshal(data, &definition); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		const at = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
		name := definition["metadata"].(map[string]any)["name"].(string)
		if c.Do(t, http.MethodGet, at+"/"+name, nil) != nil { // another test installed it
			continue
		}
		c.Do(t, http.MethodPost, at, definition)
		c.served(t, definition["spec"].(map[string]any))
	}
}

func (c *Cluster) served(t testing.TB, spec map[string]any) {
	t.Helper()
	path := fmt.Sprintf("/apis/%s/v1/%s", spec["group"], spec["names"].(map[string]any)["plural"])
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		status, data, err := c.ask(t.Context(), http.MethodGet, path, "", "")
		if err == nil && status == http.StatusOK {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s is not served: %d %s %v", path, status, data, err)
		}
	}
}
