package acm_test

import (
	"fmt"
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
	"github.com/aws/aws-sdk-go-v2/service/acm/types"

	"github.com/neverlapse/neverlapse/internal/amazon"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/scan"
	"github.com/neverlapse/neverlapse/internal/scan/source"
	"github.com/neverlapse/neverlapse/internal/scan/source/acm"
	"github.com/neverlapse/neverlapse/internal/scan/source/sourcetest"
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
func credentials(t *testing.T) {
	t.Helper()
	none := filepath.Join(t.TempDir(), "none")
	must(t, os.WriteFile(none, nil, 0o600))
	for k, v := range map[string]string{
		"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_SESSION_TOKEN": "", "AWS_PROFILE": "", "AWS_MAX_ATTEMPTS": "1", "AWS_REGION": "",
		"AWS_DEFAULT_REGION": "", "AWS_CONFIG_FILE": none, "AWS_SHARED_CREDENTIALS_FILE": none, "AWS_EC2_METADATA_DISABLED": "true",
	} {
		t.Setenv(k, v)
	}
}

// One stand-in serves all tests; each has a region of its own.
var start = sync.OnceValues(func() (*mototest.ACM, error) {
	dir, err := os.MkdirTemp("", "mototest")
	if err != nil {
		return nil, err
	}
	remove = dir
	return mototest.Start(dir)
})

var remove string

func TestMain(m *testing.M) {
	code := m.Run()
	if remove != "" {
		if moto, err := start(); err == nil {
			_ = moto.Stop() // it has nothing to tell
		}
		_ = os.RemoveAll(remove)
	}
	os.Exit(code)
}

func begin(t *testing.T) *mototest.ACM {
	t.Helper()
	mototest.Need(t)
	credentials(t)
	moto, err := start()
	must(t, err)
	return moto
}

func in(moto *mototest.ACM, region string) *sdk.Client {
	return sdk.New(sdk.Options{Region: region, Credentials: mototest.Credentials, BaseEndpoint: &moto.URL})
}

func put(t testing.TB, client *sdk.Client, pair cert.Pair, tags ...types.Tag) string {
	t.Helper()
	certs, err := cert.DecodeChain(pair.Chain)
	must(t, err)
	out, err := client.ImportCertificate(t.Context(), &sdk.ImportCertificateInput{
		Certificate: cert.EncodeChain(certs[:1]), CertificateChain: cert.EncodeChain(certs[1:]), PrivateKey: pair.Key, Tags: tags,
	})
	must(t, err)
	return aws.ToString(out.CertificateArn)
}

func open(t testing.TB, url string, change ...func(*acm.Options)) *acm.Source {
	t.Helper()
	o := acm.Options{Access: amazon.Access{Endpoint: url}, Regions: []string{"eu-central-1"}, Timeout: time.Minute}
	for _, f := range change {
		f(&o)
	}
	s, err := acm.New("cloud", o, scan.New(scan.Options{}))
	must(t, err)
	return s
}

func regions(names ...string) func(*acm.Options) {
	return func(o *acm.Options) { o.Regions = names }
}

func TestACMKeepsTheContract(t *testing.T) {
	moto := begin(t)
	want := map[string]cert.Fingerprint{}
	var keys []string
	for _, region := range []string{"eu-west-1", "eu-west-1", "eu-west-1", "us-east-2"} {
		pair := targettest.Fresh(t, "shop.test") // of ECDSA, which AWS lists only if it is asked to
		want["acm:"+region+"/"+put(t, in(moto, region), pair)] = targettest.FingerprintOf(pair)
		keys = append(keys, string(pair.Key))
	}
	out, err := in(moto, "us-east-2").RequestCertificate(t.Context(), &sdk.RequestCertificateInput{DomainName: aws.String("b.test"), ValidationMethod: types.ValidationMethodDns})
	must(t, err)
	asked := aws.ToString(out.CertificateArn)
	want["acm:us-east-2/"+asked] = ""
	sourcetest.Run(t, sourcetest.Harness{
		Open: func(t *testing.T) source.Source {
			s := open(t, unissued(t, moto, asked), regions("eu-west-1", "us-east-2"))
			s.Pages(2)
			return s
		},
		Want: want, Pages: 3, Secrets: keys,
	})
}

// unissued keeps one certificate in validation: moto issues on the second look.
func unissued(t *testing.T, moto *mototest.ACM, asked string) string {
	t.Helper()
	return before(t, moto, func(w http.ResponseWriter, action, body string) bool {
		if action != "DescribeCertificate" || !strings.Contains(body, asked) {
			return false
		}
		fmt.Fprintf(w, `{"Certificate":{"CertificateArn":%q,"Status":"PENDING_VALIDATION","Type":"AMAZON_ISSUED","RenewalEligibility":"INELIGIBLE",
			"DomainValidationOptions":[{"DomainName":"b.test","ValidationStatus":"PENDING_VALIDATION","ResourceRecord":{"Name":"_x.b.test.","Type":"CNAME","Value":"_y.acm-validations.aws."}}]}}`, asked)
		return true
	})
}

func look(t testing.TB, s source.Source) (seen map[string]source.Sighting, failed []source.Failure) {
	t.Helper()
	seen = map[string]source.Sighting{}
	for page, first := []byte(nil), true; first || page != nil; first = false {
		p, err := s.Look(t.Context(), page, func(string) {})
		must(t, err)
		must(t, p.Validate())
		for _, x := range p.Sightings {
			seen[x.Place] = x
		}
		failed, page = append(failed, p.Failed...), p.Next
	}
	return seen, failed
}

func TestTagsSayWhoseItIs(t *testing.T) {
	moto := begin(t)
	arn := put(t, in(moto, "ap-south-1"), targettest.Fresh(t, "a.test"), types.Tag{Key: aws.String("Team"), Value: aws.String("web")}, types.Tag{Key: aws.String("stage"), Value: aws.String("dev")})
	seen, _ := look(t, open(t, moto.URL, regions("ap-south-1"), func(o *acm.Options) { o.Team, o.Environment = "Team", "stage" }))
	if s := seen["acm:ap-south-1/"+arn]; s.Team != "web" || s.Environment != "dev" || s.Owner != "" || s.RenewedBy != "" || s.Host != "AWS account 123456789012" {
		t.Errorf("%+v", s)
	}
}

func TestWhatAWSRenewsAndWhatItIsStuckAt(t *testing.T) {
	moto := begin(t)
	arn := put(t, in(moto, "ap-south-2"), targettest.Fresh(t, "a.test"))
	url := before(t, moto, func(w http.ResponseWriter, action, _ string) bool {
		if action != "DescribeCertificate" {
			return false
		}
		fmt.Fprintf(w, `{"Certificate":{"CertificateArn":%q,"Status":"ISSUED","Type":"AMAZON_ISSUED","RenewalEligibility":"ELIGIBLE",
			"InUseBy":["arn:aws:elasticloadbalancing:ap-south-2:123456789012:loadbalancer/app/shop/50dc6c495c0c9188"],
			"RenewalSummary":{"RenewalStatus":"PENDING_VALIDATION","UpdatedAt":1,"DomainValidationOptions":[{"DomainName":"a.test","ValidationStatus":"PENDING_VALIDATION","ResourceRecord":{"Name":"_x.a.test.","Type":"CNAME","Value":"_y.acm-validations.aws."}}]}}}`, arn)
		return true
	})
	seen, _ := look(t, open(t, url, regions("ap-south-2")))
	s := seen["acm:ap-south-2/"+arn]
	last := s.Findings[0]
	if s.RenewedBy != "AWS" || s.Host != "elasticloadbalancing:loadbalancer/app/shop/50dc6c495c0c9188" || last.Code != cert.RenewalStuck || !strings.Contains(last.What, "a.test (needs _x.a.test. CNAME _y.acm-validations.aws.)") {
		t.Errorf("%+v", s)
	}
}

// before answers some actions as AWS would, where moto cannot; the rest is moto's.
func before(t *testing.T, moto *mototest.ACM, answer func(w http.ResponseWriter, action, body string) bool) string {
	t.Helper()
	server := httptest.NewServer(moto.Before(answer))
	t.Cleanup(server.Close)
	return server.URL
}

func TestEachTroubleOfAWSHasItsKind(t *testing.T) {
	credentials(t)
	for code, c := range map[string]struct {
		status int
		kind   fault.Kind
		says   string
	}{
		"AccessDeniedException":       {400, fault.Configuration, "acm:ListCertificates is not allowed"},
		"ExpiredTokenException":       {400, fault.Configuration, "does not accept the credentials"},
		"ThrottlingException":         {400, fault.Unavailable, "asks to wait"},
		"InternalServerException":     {500, fault.Transient, ""},
		"ServiceUnavailableException": {503, fault.Unavailable, "asks to wait"},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "70")
			mototest.Error(w, c.status, code, "said so")
		}))
		_, err := open(t, server.URL).Look(t.Context(), nil, func(string) {})
		server.Close()
		if !fault.Is(err, c.kind) || !strings.Contains(fmt.Sprint(err), c.says) {
			t.Errorf("%s: %v (%s), want %s with %q", code, err, fault.KindOf(err), c.kind, c.says)
		}
		if c.kind == fault.Unavailable && time.Until(fault.RetryAt(err)) < time.Minute {
			t.Errorf("%s: Retry-After was lost: %s", code, fault.RetryAt(err))
		}
	}
}

func TestARegionThatIsForbiddenHoldsUpNoOther(t *testing.T) {
	moto := begin(t)
	arn := put(t, in(moto, "eu-north-1"), targettest.Fresh(t, "a.test"))
	url := before(t, moto, func(w http.ResponseWriter, action, body string) bool {
		if !strings.Contains(body, "us-gov-east-1") {
			return false
		}
		mototest.Error(w, 400, "AccessDeniedException", "with an explicit deny in a service control policy")
		return true
	})
	seen, failed := look(t, open(t, url, regions("us-gov-east-1", "eu-north-1")))
	if len(seen) != 1 || seen["acm:eu-north-1/"+arn].Place == "" || len(failed) != 1 || failed[0].Places != "acm:us-gov-east-1/" || !strings.Contains(failed[0].Why, "docs/sources-cloud.md") {
		t.Errorf("%v %v", seen, failed)
	}
}

func TestBadOptionsAreRefusedWithTheirField(t *testing.T) {
	credentials(t)
	for says, o := range map[string]acm.Options{
		"regions[0]:":          {Regions: []string{"europe"}},
		"regions: is missing":  {},
		"role_arn:":            {Access: amazon.Access{RoleARN: "admin"}},
		"timeout:":             {Timeout: -1},
		"the AWS configuratio": {Regions: []string{"eu-west-1"}, Access: amazon.Access{Profile: "nobody"}},
	} {
		if _, err := acm.New("x", o, scan.New(scan.Options{})); !fault.Is(err, fault.Configuration) || !strings.Contains(err.Error(), says) {
			t.Errorf("New = %v; want fault.Configuration with %q", err, says)
		}
	}
}
