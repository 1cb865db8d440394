package outgoing

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestRootsOfAFileAreTrusted(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer server.Close()
	file := filepath.Join(t.TempDir(), "root.pem")
	root := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(file, root, 0o600); err != nil {
		t.Fatal(err)
	}
	get := func(roots string, f func(string) (*x509.CertPool, error)) error {
		pool, err := f(roots)
		if err != nil {
			return err
		}
		resp, err := (&http.Client{Transport: Transport(pool)}).Get(server.URL)
		if err == nil {
			resp.Body.Close()
		}
		return err
	}
	for name, f := range map[string]func(string) (*x509.CertPool, error){"only": Only, "also": Also} {
		if err := get(file, f); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := get("", f); err == nil || !strings.Contains(err.Error(), "unknown authority") {
			t.Errorf("%s, without the file: %v", name, err)
		}
		if _, err := f(file + ".none"); !os.IsNotExist(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := os.WriteFile(file, []byte("no PEM"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Also(file); err == nil || !strings.Contains(err.Error(), "holds no PEM certificate") {
		t.Error(err)
	}
}

func TestTheProxiesOfTheEnvironmentCount(t *testing.T) {
	if reflect.ValueOf(Transport(nil).Proxy).Pointer() != reflect.ValueOf(http.ProxyFromEnvironment).Pointer() {
		t.Error("a transport does not ask the environment for proxies")
	}
}

func TestAddressesWhereCloudsKeepCredentialsAreNotAsked(t *testing.T) {
	c := &http.Client{Transport: Transport(nil)}
	for _, address := range []string{"http://169.254.169.254/latest", "http://[fe80::1]/", "http://[::ffff:169.254.169.254]/", "http://[ff02::1]/"} {
		resp, err := c.Get(address)
		if err == nil {
			resp.Body.Close()
		}
		if !errors.Is(err, ErrLinkLocal) {
			t.Errorf("%s: %v", address, err)
		}
	}
}
