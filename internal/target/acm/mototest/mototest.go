// Package mototest is AWS Certificate Manager as tests meet it: moto, a
// stand-in in Python, as a process, behind a proxy of ours that refuses what AWS
// does and moto does not: a private key of another certificate, and another type
// of key under the same ARN. It is no part of the product.
package mototest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/acm"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/target/targettest"
)

// ACM is a running stand-in.
type ACM struct {
	URL string

	moto  *targettest.Process
	proxy *httptest.Server

	turn    sync.Mutex // one import after the other
	mu      sync.Mutex
	keys    map[string][]byte // what was imported last, by ARN
	leaves  map[string]cert.Version
	imports int
}

// Need skips the test where moto is not installed. It comes from no package of
// the system, so a run that requires all servers does without it, too.
func Need(t testing.TB) {
	t.Helper()
	if err := exec.Command("python3", "-c", "import moto.server").Run(); err != nil {
		t.Skip("moto is not installed: pip install 'moto[server]'")
	}
}

const startDeadline = 2 * time.Minute

// Start starts both, with a log in dir; Stop ends them.
func Start(dir string) (*ACM, error) {
	port, err := targettest.FreePort()
	if err != nil {
		return nil, err
	}
	a := &ACM{keys: map[string][]byte{}, leaves: map[string]cert.Version{}}
	a.moto, err = targettest.StartProcess(filepath.Join(dir, "moto.log"), []string{"HOME=" + os.Getenv("HOME")},
		"python3", "-m", "moto.server", "-H", "127.0.0.1", "-p", fmt.Sprint(port))
	if err != nil {
		return nil, err
	}
	behind := &url.URL{Scheme: "http", Host: fmt.Sprintf("127.0.0.1:%d", port)}
	if err := ready(behind.String()); err != nil {
		return nil, errors.Join(fmt.Errorf("moto does not answer: %w\n%s", err, a.moto.Said()), a.Stop())
	}
	a.proxy = httptest.NewServer(a.handler(httputil.NewSingleHostReverseProxy(behind)))
	a.URL = a.proxy.URL
	return a, nil
}

// Stop ends both.
func (a *ACM) Stop() error {
	if a.proxy != nil {
		a.proxy.Close()
	}
	return a.moto.Stop()
}

func ready(url string) error {
	for end := time.Now().Add(startDeadline); ; time.Sleep(50 * time.Millisecond) {
		resp, err := http.Get(url + "/moto-api/")
		if err == nil {
			return resp.Body.Close()
		}
		if time.Now().After(end) {
			return err
		}
	}
}

// Region is where its certificates are.
const Region = "eu-central-1"

// Credentials are such as it takes.
var Credentials = credentials.NewStaticCredentialsProvider("test", "test", "")

// Operator is somebody else with the AWS tools.
func (a *ACM) Operator() *sdk.Client {
	return sdk.New(sdk.Options{Region: Region, Credentials: Credentials, BaseEndpoint: &a.URL})
}

// Import imports a pair as somebody does by hand, and gives its ARN.
func (a *ACM) Import(ctx context.Context, pair cert.Pair) (string, error) {
	certs, err := cert.DecodeChain(pair.Chain)
	if err != nil {
		return "", err
	}
	in := sdk.ImportCertificateInput{Certificate: cert.EncodeChain(certs[:1]), PrivateKey: pair.Key}
	if len(certs) > 1 {
		in.CertificateChain = cert.EncodeChain(certs[1:])
	}
	out, err := a.Operator().ImportCertificate(ctx, &in)
	if err != nil {
		return "", err
	}
	return *out.CertificateArn, nil
}

// Leaf is the certificate that was imported last.
func (a *ACM) Leaf(arn string) cert.Version {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.leaves[arn]
}

// Imports counts the imports that were taken.
func (a *ACM) Imports() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.imports
}

// Key is the one that was imported last.
func (a *ACM) Key(arn string) []byte {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.keys[arn]
}

// imported is the part of ImportCertificate that matters here.
type imported struct {
	CertificateArn          string
	Certificate, PrivateKey []byte
}

func (a *ACM) handler(moto http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch _, action, _ := strings.Cut(r.Header.Get("X-Amz-Target"), "."); action {
		case "ListCertificates":
			a.list(moto, w, r)
			return
		case "ImportCertificate":
		default:
			moto.ServeHTTP(w, r)
			return
		}
		body, err := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		var in imported
		if err != nil || json.Unmarshal(body, &in) != nil {
			Error(w, http.StatusBadRequest, "SerializationException", "not JSON")
			return
		}
		a.turn.Lock() // so that the key we keep is of what moto has
		defer a.turn.Unlock()
		if why := a.refused(in); why != "" {
			Error(w, http.StatusBadRequest, "ValidationException", why)
			return
		}
		answer := httptest.NewRecorder()
		moto.ServeHTTP(answer, r)
		if answer.Code == http.StatusOK {
			a.took(in, answer.Body.Bytes())
		}
		for k, v := range answer.Header() {
			w.Header()[k] = v
		}
		w.WriteHeader(answer.Code)
		_, _ = w.Write(answer.Body.Bytes())
	})
}

func (a *ACM) took(in imported, answer []byte) {
	var out struct{ CertificateArn string }
	_ = json.Unmarshal(answer, &out) // without it the test finds no key
	a.mu.Lock()
	defer a.mu.Unlock()
	a.keys[out.CertificateArn] = in.PrivateKey
	a.leaves[out.CertificateArn], _ = cert.Pair{Chain: in.Certificate}.Version()
	a.imports++
}

// refused tells what AWS would say and moto does not.
func (a *ACM) refused(in imported) string {
	pair := cert.Pair{Chain: in.Certificate, Key: in.PrivateKey}
	v, err := pair.Version()
	if err != nil {
		return "" // moto says what is wrong with it
	}
	if pair.Check(nil, v.NotAfter.Add(-time.Second)) != nil {
		return "The private key does not match the certificate."
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if was, ok := a.leaves[in.CertificateArn]; ok && was.KeyAlgorithm != v.KeyAlgorithm {
		return "The key type and size cannot be changed."
	}
	return ""
}

// Error answers as AWS does.
func Error(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"__type":%q,"message":%q}`, code, message)
}
