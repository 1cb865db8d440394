package acm_test

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/acm"

	"github.com/neverlapse/neverlapse/internal/amazon"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/target/acm"
	"github.com/neverlapse/neverlapse/internal/target/acm/mototest"
	"github.com/neverlapse/neverlapse/internal/target/targettest"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// credentials are such as moto takes; nothing of this machine counts.
func credentials(t testing.TB) {
	t.Helper()
	none := filepath.Join(t.TempDir(), "none")
	must(t, os.WriteFile(none, nil, 0o600))
	for k, v := range map[string]string{
		"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_SESSION_TOKEN": "", "AWS_PROFILE": "", "AWS_MAX_ATTEMPTS": "1",
		"AWS_CONFIG_FILE": none, "AWS_SHARED_CREDENTIALS_FILE": none, "AWS_EC2_METADATA_DISABLED": "true",
	} {
		t.(interface{ Setenv(k, v string) }).Setenv(k, v)
	}
}

// imported is a certificate that somebody imported by hand, and its ARN.
func imported(t testing.TB, moto *mototest.ACM, pair cert.Pair) string {
	t.Helper()
	arn, err := moto.Import(t.Context(), pair)
	must(t, err)
	return arn
}

func open(t testing.TB, url, arn string) *acm.Target {
	t.Helper()
	tgt, err := acm.New("lb", acm.Options{ARN: arn, Access: amazon.Access{Endpoint: url}, Timeout: time.Minute})
	must(t, err)
	return tgt
}

func TestACMKeepsTheContract(t *testing.T) {
	begin(t)
	read := func(dir, name string) string {
		data, err := os.ReadFile(filepath.Join(dir, name))
		must(t, err)
		return string(data)
	}
	targettest.Run(t, targettest.Harness{
		Atomic: true,
		Lacks:  targettest.NoCheck | targettest.NoReload | targettest.NoFiles | targettest.NoWayBack,
		Prepare: func(t testing.TB, dir string) targettest.Place {
			moto := begin(t)
			arn := imported(t, moto, targettest.Fresh(t))
			must(t, os.WriteFile(filepath.Join(dir, "arn"), []byte(arn), 0o600))
			must(t, os.WriteFile(filepath.Join(dir, "url"), []byte(moto.URL), 0o600))
			chain := func() string {
				out, err := moto.Operator().GetCertificate(context.Background(), &sdk.GetCertificateInput{CertificateArn: &arn})
				must(t, err)
				return aws.ToString(out.Certificate) + "\n" + aws.ToString(out.CertificateChain)
			}
			return targettest.Place{
				State: func(testing.TB) string { return chain() },
				Read: func() (cert.Pair, error) {
					certs, err := cert.DecodeChain([]byte(chain()))
					if err != nil {
						return cert.Pair{}, err
					}
					return cert.Pair{Chain: cert.EncodeChain(certs[:2]), Key: moto.Key(arn)}, nil // moto adds certificates of its own
				},
			}
		},
		Open: func(dir string) (targettest.Target, error) {
			return acm.New("lb", acm.Options{ARN: read(dir, "arn"), Access: amazon.Access{Endpoint: read(dir, "url")}, Timeout: time.Minute})
		},
		Before: map[string]func(testing.TB, string){"what was imported by hand": func(testing.TB, string) {}},
	})
}

func TestTheSameIsNotImportedTwiceAndAWrongKeyNever(t *testing.T) {
	moto := begin(t)
	arn := imported(t, moto, targettest.Fresh(t))
	tgt, pair := open(t, moto.URL, arn), targettest.Fresh(t)
	before, err := tgt.Capture(t.Context())
	must(t, err)
	must(t, tgt.Preflight(t.Context()))
	must(t, tgt.Install(t.Context(), pair, before))
	n := moto.Imports()
	wrong := targettest.Fresh(t)
	certs, err := cert.DecodeChain(wrong.Chain)
	must(t, err)
	_, err = moto.Operator().ImportCertificate(t.Context(), &sdk.ImportCertificateInput{CertificateArn: &arn, Certificate: cert.EncodeChain(certs[:1]), PrivateKey: pair.Key})
	if err == nil {
		t.Error("the stand-in takes a wrong key, so it shows nothing")
	}
	must(t, tgt.Install(t.Context(), pair, before))
	if moto.Imports() != n {
		t.Error("what is there already was imported again, and imports are counted")
	}
	if ids := tgt.Identity(); len(ids) != 1 || ids[0] != "aws-acm:"+arn {
		t.Errorf("Identity = %q", ids)
	}
}

// rsaPair is signed by itself.
func rsaPair(t testing.TB) cert.Pair {
	t.Helper()
	key, err := cert.GenerateKey(cert.RSA2048)
	must(t, err)
	now := time.Now()
	leaf := &x509.Certificate{SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "a.test"}, DNSNames: targettest.Names, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, leaf, leaf, key.Public(), key)
	must(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	return cert.Pair{Chain: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), Key: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})}
}

func TestAnotherTypeOfKeyIsToldWithTheOneThatIsNeeded(t *testing.T) {
	moto := begin(t)
	arn := imported(t, moto, rsaPair(t))
	tgt, n := open(t, moto.URL, arn), moto.Imports()
	before, err := tgt.Capture(t.Context())
	must(t, err)
	err = tgt.Install(t.Context(), targettest.Fresh(t), before)
	if !fault.Is(err, fault.Configuration) || !strings.Contains(fmt.Sprint(err), "--key-type RSA2048") || moto.Imports() != n {
		t.Errorf("Install = %v after %d imports", err, moto.Imports()-n)
	}
}

// One stand-in serves all tests; each has ARNs of its own.
var (
	once     sync.Once
	shared   *mototest.ACM
	sharedAt string
	startErr error
)

func TestMain(m *testing.M) {
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

func begin(t testing.TB) *mototest.ACM {
	t.Helper()
	mototest.Need(t)
	credentials(t)
	once.Do(func() {
		if sharedAt, startErr = os.MkdirTemp("", "mototest"); startErr == nil {
			shared, startErr = mototest.Start(sharedAt)
		}
	})
	must(t, startErr)
	return shared
}

func TestWhatACMIssuedIsNotImportedOver(t *testing.T) {
	moto := begin(t)
	out, err := moto.Operator().RequestCertificate(t.Context(), &sdk.RequestCertificateInput{DomainName: aws.String("a.test")})
	must(t, err)
	if err := open(t, moto.URL, aws.ToString(out.CertificateArn)).Preflight(t.Context()); !fault.Is(err, fault.Configuration) || !strings.Contains(err.Error(), "was issued by AWS") {
		t.Errorf("Preflight = %v", err)
	}
}

func TestAnARNThatIsNotThereIsTold(t *testing.T) {
	moto := begin(t)
	_, err := open(t, moto.URL, someARN).Capture(t.Context())
	if !fault.Is(err, fault.Configuration) || !strings.Contains(err.Error(), "there is no such certificate") {
		t.Errorf("Capture = %v", err)
	}
}

const someARN = "arn:aws:acm:" + mototest.Region + ":123456789012:certificate/00000000-0000-0000-0000-000000000000"

// No moto answers here: AWS's answers are played by their documented codes.
func TestEachTroubleOfAWSHasItsKind(t *testing.T) {
	credentials(t)
	for code, c := range map[string]struct {
		status int
		kind   fault.Kind
		says   string
	}{
		"AccessDeniedException":       {400, fault.Configuration, "acm:GetCertificate is not allowed"},
		"ExpiredTokenException":       {400, fault.Configuration, "does not accept the credentials"},
		"UnrecognizedClientException": {400, fault.Configuration, "does not accept the credentials"},
		"ResourceNotFoundException":   {400, fault.Configuration, "there is no such certificate"},
		"ValidationException":         {400, fault.Configuration, "AWS refuses it"},
		"LimitExceededException":      {400, fault.Configuration, "used up its imports"},
		"ThrottlingException":         {400, fault.Unavailable, "asks to wait"},
		"RequestInProgressException":  {400, fault.Transient, ""},
		"InternalServerException":     {500, fault.Transient, ""},
		"ServiceUnavailableException": {503, fault.Unavailable, "asks to wait"},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { mototest.Error(w, c.status, code, "said so") }))
		_, err := open(t, server.URL, someARN).Capture(t.Context())
		server.Close()
		if !fault.Is(err, c.kind) || !strings.Contains(fmt.Sprint(err), c.says) {
			t.Errorf("%s: %v (%s), want %s with %q", code, err, fault.KindOf(err), c.kind, c.says)
		}
	}
	port, err := targettest.FreePort()
	must(t, err)
	if _, err := open(t, fmt.Sprintf("http://127.0.0.1:%d", port), someARN).Capture(t.Context()); !fault.Is(err, fault.Unavailable) {
		t.Errorf("where nobody listens: %v", err)
	}
	strange := httptest.NewTLSServer(http.NotFoundHandler())
	defer strange.Close()
	if _, err := open(t, strange.URL, someARN).Capture(t.Context()); !fault.Is(err, fault.Configuration) {
		t.Errorf("another's certificate: %v", err)
	}
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")
	if _, err := open(t, strange.URL, someARN).Capture(t.Context()); !fault.Is(err, fault.Configuration) || !strings.Contains(err.Error(), "give the worker credentials") {
		t.Errorf("without credentials: %v", err)
	}
}

func TestBadOptionsAreRefusedWithTheirField(t *testing.T) {
	credentials(t)
	for says, o := range map[string]acm.Options{
		"arn:":              {ARN: "arn:aws:iam::123456789012:role/x"},
		"role_arn:":         {ARN: someARN, Access: amazon.Access{RoleARN: "admin"}},
		"endpoint:":         {ARN: someARN, Access: amazon.Access{Endpoint: "acm"}},
		"in the open":       {ARN: someARN, Access: amazon.Access{Endpoint: "http://10.0.0.1"}},
		"timeout:":          {ARN: someARN, Timeout: -1},
		"the AWS configura": {ARN: someARN, Access: amazon.Access{Profile: "nobody"}},
	} {
		if _, err := acm.New("lb", o); !fault.Is(err, fault.Configuration) || !strings.Contains(err.Error(), says) {
			t.Errorf("New = %v; want fault.Configuration with %q", err, says)
		}
	}
}
