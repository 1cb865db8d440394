// Package kubetest is a real Kubernetes API server with an etcd, as processes
// on loopback ports, with RBAC and one namespace of their own. Tests start it
// once and talk to it as an administrator beside the product. It is no part of
// the product.
package kubetest

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/target/targettest"
)

// BinaryEnv names the program that test/servers/build-kube-apiserver.sh has built.
const BinaryEnv = "NEVERLAPSE_KUBE_APISERVER"

// Cluster is a running API server.
type Cluster struct {
	URL string
	CA  []byte // PEM

	dir   string
	admin *http.Client
	kept  string // URL of the etcd
	etcd  *targettest.Process
	api   *targettest.Process
	close func() // of a stand-in
}

// Need says how to get an API server, and skips the test, where none was built.
// It takes minutes to compile, so nothing but `make test-kubernetes` and
// `make test-long` insists.
func Need(t testing.TB) {
	t.Helper()
	if os.Getenv(BinaryEnv) == "" {
		t.Skip(BinaryEnv + " is not set; run make test-kubernetes, which builds the API server once")
	}
	if _, err := findEtcd(); err != nil {
		if os.Getenv(targettest.RequireEnv) != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
}

func findEtcd() (string, error) {
	p, err := exec.LookPath("etcd")
	if err != nil {
		return "", errors.New("etcd is not installed: apt-get install -y --no-install-recommends etcd-server")
	}
	return p, nil
}

// Start starts both below dir; Stop ends them.
func Start(ctx context.Context, dir string) (_ *Cluster, err error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	etcd, err := findEtcd()
	if err != nil {
		return nil, err
	}
	var ports [3]int
	for i := range ports {
		if ports[i], err = targettest.FreePort(); err != nil {
			return nil, err
		}
	}
	c := &Cluster{dir: dir, URL: fmt.Sprintf("https://127.0.0.1:%d", ports[2])}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.Stop())
		}
	}()
	if err := writeCredentials(dir); err != nil {
		return nil, err
	}
	client, peer := fmt.Sprintf("http://127.0.0.1:%d", ports[0]), fmt.Sprintf("http://127.0.0.1:%d", ports[1])
	c.etcd, err = targettest.StartProcess(filepath.Join(dir, "etcd.log"), nil, etcd, "--data-dir", filepath.Join(dir, "etcd"), "--unsafe-no-fsync",
		"--listen-client-urls", client, "--advertise-client-urls", client, "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
		"--initial-cluster", "default="+peer)
	if err != nil {
		return nil, err
	}
	c.kept = client
	if err := c.startAPI(client, ports[2]); err != nil {
		return nil, err
	}
	return c, c.ready(ctx)
}

func (c *Cluster) startAPI(etcd string, port int) (err error) {
	in := func(name string) string { return filepath.Join(c.dir, name) }
	c.api, err = targettest.StartProcess(in("kube-apiserver.log"), nil, os.Getenv(BinaryEnv),
		"--etcd-servers="+etcd, "--bind-address=127.0.0.1", fmt.Sprintf("--secure-port=%d", port), "--advertise-address=127.0.0.1",
		"--endpoint-reconciler-type=none", "--cert-dir="+in("certs"), "--service-account-issuer="+c.URL,
		"--service-account-key-file="+in("sa.pub"), "--service-account-signing-key-file="+in("sa.key"),
		"--service-cluster-ip-range=10.0.0.0/24", "--authorization-mode=RBAC", "--token-auth-file="+in("tokens.csv"),
		"--disable-admission-plugins=ServiceAccount")
	return err
}

const adminToken = "administrator-of-the-tests"

// Users are those whose name is their token. They may do nothing until a Role says so.
var Users = []string{"reader", "writer", "maker", "stranger"}

func writeCredentials(dir string) error {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return err
	}
	tokens := adminToken + `,admin,1,"system:masters"` + "\n"
	for i, u := range Users {
		tokens += fmt.Sprintf("%s,%s,%d\n", u, u, i+2)
	}
	for name, data := range map[string][]byte{
		"sa.key":     pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}),
		"sa.pub":     pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}),
		"tokens.csv": []byte(tokens),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// Kubeconfig writes one for a user into dir and gives its path.
func (c *Cluster) Kubeconfig(dir, user string) (string, error) {
	token := user
	if user == "admin" {
		token = adminToken
	}
	path := filepath.Join(dir, "kubeconfig-"+user)
	text := fmt.Sprintf(`apiVersion: v1
kind: Config
clusters: [{name: test, cluster: {server: %s, certificate-authority-data: %s}}]
users: [{name: %s, user: {token: %s}}]
contexts: [{name: test, context: {cluster: test, user: %s}}]
current-context: test
`, c.URL, base64.StdEncoding.EncodeToString(c.CA), user, token, user)
	return path, os.WriteFile(path, []byte(text), 0o600)
}

// Stop ends the API server, and then its etcd: the other way round it hangs.
func (c *Cluster) Stop() error {
	if c.close != nil {
		c.close()
	}
	return errors.Join(c.api.Stop(), c.etcd.Stop())
}
