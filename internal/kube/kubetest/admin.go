package kubetest

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// ready waits until the API server answers, and trusts its certificate from then on.
func (c *Cluster) ready(ctx context.Context) error {
	var last error
	for {
		if last = c.trust(); last == nil {
			var status int
			if status, _, last = c.ask(ctx, http.MethodGet, "/readyz", "", ""); status == http.StatusOK {
				return nil
			}
		}
		select {
		case <-c.api.Exited:
			return fmt.Errorf("kube-apiserver ended: %s", c.api.Said())
		case <-c.etcd.Exited:
			return fmt.Errorf("etcd ended: %s", c.etcd.Said())
		case <-ctx.Done():
			return errors.Join(last, fmt.Errorf("kube-apiserver is not ready: %w; %s", ctx.Err(), c.api.Said()))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (c *Cluster) trust() (err error) {
	if c.admin != nil {
		return nil
	}
	if c.CA, err = os.ReadFile(filepath.Join(c.dir, "certs", "apiserver.crt")); err != nil {
		return err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(c.CA) {
		return errors.New("the API server's certificate is not written yet")
	}
	c.admin = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}}
	return nil
}

// ask sends a request as the administrator.
func (c *Cluster) ask(ctx context.Context, method, path, contentType, body string) (int, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.URL+path, strings.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Authorization", "Bearer "+adminToken)
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	resp, err := c.admin.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	return resp.StatusCode, data, err
}

// Do sends a request as the administrator, and ends the test unless the answer
// is of 2xx or, for a GET or DELETE, 404, which gives nil.
func (c *Cluster) Do(t testing.TB, method, path string, body any) []byte {
	t.Helper()
	var b bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&b).Encode(body); err != nil {
			t.Fatal(err)
		}
	}
	contentType := "application/json"
	if method == http.MethodPatch {
		contentType = "application/merge-patch+json"
	}
	status, data, err := c.ask(context.Background(), method, path, contentType, b.String()) // cleanups call it, too
	switch {
	case err != nil:
		t.Fatal(err)
	case status == http.StatusNotFound && (method == http.MethodGet || method == http.MethodDelete):
		return nil
	case status >= 300:
		t.Fatalf("%s %s: %d %s", method, path, status, data)
	}
	return data
}

// Namespace makes one for this test alone.
func (c *Cluster) Namespace(t testing.TB, name string) {
	t.Helper()
	c.Do(t, http.MethodPost, "/api/v1/namespaces", map[string]any{"metadata": map[string]any{"name": name}})
}

// Allow binds a Role of these rules to a user, in a namespace.
func (c *Cluster) Allow(t testing.TB, namespace, user string, rules ...map[string]any) {
	t.Helper()
	at := "/apis/rbac.authorization.k8s.io/v1/namespaces/" + namespace
	named := map[string]any{"name": user}
	c.Do(t, http.MethodPost, at+"/roles", map[string]any{"metadata": named, "rules": rules})
	c.Do(t, http.MethodPost, at+"/rolebindings", map[string]any{
		"metadata": named,
		"roleRef":  map[string]any{"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": user},
		"subjects": []any{map[string]any{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}},
	})
}
