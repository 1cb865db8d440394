package activities_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"log/slog"
	"math/big"
	"path/filepath"
	"testing"
	"time"

	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/testsuite"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/people"
	"github.com/neverlapse/neverlapse/internal/store"
)

// world is the hands on a real store, with a CA and targets in memory.
type world struct {
	*activities.Activities
	t    *testing.T
	dir  string // of the store
	env  *testsuite.TestActivityEnvironment
	ca   *fakeCA
	disk *faulty
}

// faulty is the store, which can be made to fail.
type faulty struct {
	*store.Store
	puts int // of issuances; after so many, power is lost
	cut  int // 0: never
}

func (f *faulty) PutIssuance(ctx context.Context, iss cert.Issuance) (cert.Issuance, error) {
	if f.puts++; f.puts == f.cut {
		return cert.Issuance{}, fault.New(fault.Configuration, "power was lost")
	}
	return f.Store.PutIssuance(ctx, iss)
}

func begin(t *testing.T) *world {
	t.Helper()
	dir := t.TempDir()
	key := filepath.Join(dir, "key")
	if err := store.GenerateKeyFile(key); err != nil {
		t.Fatal(err)
	}
	files, err := store.Options{Path: filepath.Join(dir, "store"), KeyFile: key}.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { files.Close() })
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	w := &world{t: t, dir: filepath.Join(dir, "store"), env: suite.NewTestActivityEnvironment(), ca: &fakeCA{orders: map[string]*order{}}, disk: &faulty{Store: files}}
	w.Activities = &activities.Activities{CAs: map[string]activities.CA{"ca": w.ca}, Targets: map[string]activities.Target{}, Store: w.disk, Now: time.Now, Directory: func() people.Directory { return people.Directory{} }}
	w.env.RegisterActivity(w.Activities)
	return w
}

// do runs one activity as a worker would.
func do[T any](w *world, activity, in any) (T, error) {
	var out T
	v, err := w.env.ExecuteActivity(activity, in)
	if err == nil && v.HasValue() {
		err = v.Get(&out)
	}
	return out, err
}

func must[T any](w *world, activity, in any) T {
	w.t.Helper()
	out, err := do[T](w, activity, in)
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

func wish() activities.IssueInput {
	return activities.IssueInput{Name: "shop", Names: []string{"shop.test"}, CA: "ca", KeyType: cert.EC256}
}

// issue goes through the steps of issuing.
func (w *world) issue(in activities.IssueInput) cert.Version {
	w.t.Helper()
	in.OrderURL = must[string](w, w.Order, in)
	must[any](w, w.Authorize, in)
	return must[cert.Version](w, w.Finalize, in)
}

// fakeCA issues what it is asked for, unless it is told to be wrong.
type fakeCA struct {
	orders   map[string]*order
	issued   int
	wrongKey bool
	gone     map[string]bool // orders that the CA forgot
	down     bool            // for revocations
	revoked  []string        // the reasons
	proving  func(ctx context.Context, progress func(string)) error
	keyless  bool // keys stay on their hosts, so none can be shown
}

type order struct {
	names []string
	chain []byte
}

func (c *fakeCA) Order(_ context.Context, o cert.Order) (string, error) {
	if o.URL != "" {
		if c.orders[o.URL] == nil || c.gone[o.URL] {
			return "", fault.New(fault.NotFound, "no such order")
		}
		return o.URL, nil
	}
	url := fmt.Sprint("https://ca.test/order/", len(c.orders)+1)
	c.orders[url] = &order{names: o.Names}
	return url, nil
}

func (c *fakeCA) Authorize(ctx context.Context, _ cert.Order, progress func(string)) error {
	if c.proving == nil {
		return nil
	}
	return c.proving(ctx, progress)
}

func (c *fakeCA) Finalize(_ context.Context, url string, csr []byte, _ func(string)) ([]byte, error) {
	o := c.orders[url]
	if o == nil || c.gone[url] {
		return nil, fault.New(fault.NotFound, "no such order")
	}
	if o.chain == nil {
		var err error
		if o.chain, err = c.sign(o.names, csr); err != nil {
			return nil, err
		}
	}
	return o.chain, nil
}

func (c *fakeCA) sign(names []string, csr []byte) ([]byte, error) {
	request, err := x509.ParseCertificateRequest(csr)
	if err != nil {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	public := request.PublicKey
	if c.wrongKey {
		public = key.Public()
	}
	c.issued++
	now := time.Now()
	issuer := &x509.Certificate{Subject: pkix.Name{CommonName: "Test CA"}}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(1<<60 + int64(c.issued)), NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(0, 0, 90), DNSNames: names,
	}, issuer, public, key)
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return cert.EncodeChain([]*x509.Certificate{leaf}), nil
}
