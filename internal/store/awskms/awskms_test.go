package awskms_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kms"

	"github.com/neverlapse/neverlapse/internal/amazon"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/store"
	"github.com/neverlapse/neverlapse/internal/store/awskms"
	"github.com/neverlapse/neverlapse/internal/target/acm/mototest"
)

func TestMain(m *testing.M) {
	for name, value := range map[string]string{"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "key", "AWS_EC2_METADATA_DISABLED": "true", "AWS_MAX_ATTEMPTS": "1"} {
		if err := os.Setenv(name, value); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// world is a key service with one key.
type world struct {
	moto     *mototest.ACM
	operator *kms.Client
	key      string
}

func begin(t *testing.T) world {
	t.Helper()
	mototest.Need(t)
	moto, err := mototest.Start(t.TempDir())
	must(t, err)
	t.Cleanup(func() { must(t, moto.Stop()) })
	w := world{moto: moto, operator: kms.New(kms.Options{Region: mototest.Region, Credentials: mototest.Credentials, BaseEndpoint: &moto.URL})}
	w.key = w.newKey(t)
	return w
}

func (w world) newKey(t *testing.T) string {
	t.Helper()
	out, err := w.operator.CreateKey(t.Context(), &kms.CreateKeyInput{})
	must(t, err)
	return *out.KeyMetadata.Arn
}

func (w world) service(t *testing.T, key string) *awskms.Service {
	t.Helper()
	s, err := awskms.New(awskms.Options{Key: key, Region: mototest.Region, Access: amazon.Access{Endpoint: w.moto.URL}})
	must(t, err)
	return s
}

func open(ctx context.Context, dir string, s store.KeyService) (*store.Store, error) {
	m, err := store.Folder(dir)
	if err != nil {
		return nil, err
	}
	return store.Open(ctx, m, store.NewRing(store.NewRemote(s, time.Hour)))
}

func TestAStoreUnderAKeyOfAWSIsOpenedByThatKeyAlone(t *testing.T) {
	w, ctx, dir := begin(t), t.Context(), filepath.Join(t.TempDir(), "store")
	alias := "alias/neverlapse"
	_, err := w.operator.CreateAlias(ctx, &kms.CreateAliasInput{AliasName: &alias, TargetKeyId: &w.key})
	must(t, err)
	var secrets []string
	for _, key := range []string{w.key, alias} {
		s, err := open(ctx, dir, w.service(t, key))
		must(t, err)
		text, err := s.Secret(ctx, "links")
		must(t, err)
		must(t, s.Beat(ctx, time.Now()))
		secrets = append(secrets, string(text))
		must(t, s.Close())
	}
	if secrets[0] != secrets[1] {
		t.Error("two secrets")
	}
	if _, err := open(ctx, dir, w.service(t, w.newKey(t))); !fault.Is(err, fault.Configuration) {
		t.Errorf("another key: %v", err)
	}
}

func TestAKeyThatIsDisabledOrAwayIsNamed(t *testing.T) {
	w, ctx := begin(t), t.Context()
	s := w.service(t, w.key)
	wrapped, err := s.Wrap(ctx, make([]byte, 32))
	must(t, err)
	if plain, err := s.Unwrap(ctx, wrapped); err != nil || len(plain) != 32 {
		t.Fatalf("%x, %v", plain, err)
	}
	_, err = w.service(t, "3d8b4f3c-0000-0000-0000-000000000000").Wrap(ctx, make([]byte, 32))
	if !fault.Is(err, fault.Configuration) || !strings.Contains(fmt.Sprint(err), "kms:Encrypt") {
		t.Errorf("%v", err)
	}
	must(t, w.moto.Stop())
	_, err = s.Unwrap(ctx, wrapped)
	if !fault.Is(err, fault.Unavailable) || !strings.Contains(fmt.Sprint(err), w.key) {
		t.Errorf("%v (%s)", err, fault.KindOf(err))
	}
}

func TestWhatCannotBeAKeyOfAWSIsRefused(t *testing.T) {
	t.Setenv("AWS_REGION", "")
	for _, c := range []struct {
		o    awskms.Options
		says string
	}{
		{awskms.Options{Region: "eu-central-1"}, "the key is missing"},
		{awskms.Options{Key: "alias/x"}, "region: missing"},
		{awskms.Options{Key: "alias/x", Region: "eu-central-1", Access: amazon.Access{RoleARN: "me"}}, "role_arn"},
	} {
		if _, err := awskms.New(c.o); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%+v: %v, want %q", c.o, err, c.says)
		}
	}
	_, err := awskms.New(awskms.Options{Key: "arn:aws:kms:eu-central-1:111122223333:key/1234"})
	must(t, err)
}
