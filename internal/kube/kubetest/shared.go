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
