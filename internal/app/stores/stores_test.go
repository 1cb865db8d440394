package stores_test

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gocloud.dev/secrets/localsecrets"

	"github.com/neverlapse/neverlapse/internal/app"
	"github.com/neverlapse/neverlapse/internal/app/stores"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/config"
	"github.com/neverlapse/neverlapse/internal/store"
	"github.com/neverlapse/neverlapse/internal/store/postgres"
	"github.com/neverlapse/neverlapse/internal/store/postgres/postgrestest"
)

var key = [32]byte{1, 2, 3}

// installation is a folder with the secrets that a configuration names.
func installation(t *testing.T, url string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"url": url, "loose": "postgres://u:s3cret@db.example.com/x", "store.key": base64.StdEncoding.EncodeToString(key[:])} {
		must(t, os.WriteFile(filepath.Join(dir, name), []byte(text+"\n"), 0o600))
	}
	return dir
}

func load(t *testing.T, dir, section string) (config.Config, error) {
	t.Helper()
	file := filepath.Join(dir, "neverlapse.yaml")
	must(t, os.WriteFile(file, []byte(strings.ReplaceAll(section, "DIR", dir)), 0o600))
	return config.Load(file, nil)
}

func TestTheConfigurationLeadsToAStoreOnPostgreSQL(t *testing.T) {
	url := postgrestest.Start(t).Database(t)
	dir := installation(t, url)
	c, err := load(t, dir, "data: DIR\nstore: {kind: postgres, options: {url_file: DIR/url, key_file: DIR/store.key}}\n")
	must(t, err)
	pem := newKey(t)
	must(t, app.KeepKey(t.Context(), c, "www", pem, stores.Kinds))
	m, err := postgres.New(url)
	must(t, err)
	s, err := store.Open(t.Context(), m, localsecrets.NewKeeper(key))
	must(t, err)
	defer s.Close()
	signer, err := cert.DecodeKey(pem)
	must(t, err)
	ref, err := cert.KeyReference(signer.Public())
	must(t, err)
	if got, err := s.Key(t.Context(), "www", ref); err != nil || string(got) != string(pem) {
		t.Errorf("another key came back, or none: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "store")); err == nil {
		t.Error("a folder was made as well")
	}
}

// Nothing answers at these addresses: a configuration is checked without dialling.
func TestOptionsOfStoresThatCannotWorkAreRefusedWithTheirPath(t *testing.T) {
	dir := installation(t, "postgres://u:s3cret@127.0.0.1:1/x?sslmode=disable")
	for options, want := range map[string]string{
		"{kind: postgres, options: {url_file: DIR/url, key_file: DIR/store.key}}": "",
		"{kind: mysql}": `store.kind: "mysql" is not known; use files, postgres, s3`,
		"{kind: postgres, options: {key_file: DIR/store.key}}":                                                                   "store.options.url_file: missing",
		"{kind: postgres, options: {url_file: DIR/no, key_file: DIR/store.key}}":                                                 "store.options.url_file: secret:",
		"{kind: postgres, options: {url_file: DIR/loose, key_file: DIR/store.key}}":                                              "store.options.url_file: store: the connection to PostgreSQL would go on without TLS",
		"{kind: postgres, options: {url_file: DIR/url, url_env: X, key_file: DIR/store.key}}":                                    "store.options.url_env: url_file is given too",
		"{kind: postgres, options: {url_file: DIR/url}}":                                                                         "store.options.key_file: missing",
		"{kind: postgres, options: {url_file: DIR/url, key_file: DIR/no}}":                                                       "store.options",
		"{kind: postgres, options: {url: 'postgres://u:s3cret@x', key_file: DIR/store.key}}":                                     "store.options.url",
		"{kind: s3, options: {bucket: b, region: r, key_file: DIR/store.key}}":                                                   "",
		"{kind: s3, options: {bucket: b/c, region: r, key_file: DIR/store.key}}":                                                 "store.options.bucket:",
		"{kind: s3, options: {bucket: b, region: r}}":                                                                            "store.options.key_file: missing",
		"{kind: files, options: {key_url: 'hashivault://k?address=https://v.test&token_file=DIR/url'}}":                          "",
		"{kind: s3, options: {bucket: b, region: r, key_url: 'awskms://alias/k?region=r', key_period: 5m}}":                      "",
		"{kind: files, options: {key_url: 'awskms:///arn:aws:kms:eu-central-1:1:key/x', old_keys: [{key_file: DIR/store.key}]}}": "",
		"{kind: files, options: {key_url: 'gcpkms://k'}}":                                                                        `store.options.key_url: "gcpkms" is no scheme of a key service; use awskms:// or hashivault://`,
		"{kind: files, options: {key_url: 'hashivault://k?adress=https://v.test'}}":                                              "key_url.adress is not known; did you mean key_url.address",
		"{kind: files, options: {key_url: 'hashivault://k?address=https://v.test'}}":                                             "store.options.key_url.token_file",
		"{kind: files, options: {key_url: 'hashivault://u:s3cret@k?address=https://v.test'}}":                                    "store.options.key_url: it holds a user",
		"{kind: files, options: {key_url: 'awskms://k?region=a&region=b'}}":                                                      "store.options.key_url: region is given twice",
		"{kind: files, options: {key_url: 'awskms://k?region=a', key_file: DIR/store.key}}":                                      "store.options.key_url: key_file or key_env is given too",
		"{kind: files, options: {key_url: 'awskms://k?region=a', key_period: 3d}}":                                               "store.options.key_period: 72h0m0s is not between",
		"{kind: files, options: {key_url: 'awskms://k?region=a', old_keys: [{}]}}":                                               "store.options.old_keys[0].key_file: missing",
		"{kind: files, options: {path: DIR/s, hosts_path: DIR/h, key_file: DIR/store.key}}":                                      "store.options.hosts_path",
	} {
		c, err := load(t, dir, "data: DIR\nstore: "+options+"\n")
		must(t, err)
		err = app.Check(t.Context(), c, stores.Kinds)
		if want == "" {
			must(t, err)
		} else if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v\nwant %s", options, err, want)
		}
	}
}

func newKey(t *testing.T) []byte {
	t.Helper()
	k, err := cert.GenerateKey(cert.EC256)
	must(t, err)
	pem, err := cert.EncodeKey(k)
	must(t, err)
	return pem
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func mentions(t *testing.T, err error, says string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), says) {
		t.Errorf("%v, want %q", err, says)
	}
}
