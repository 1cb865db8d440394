package stores_test

import (
	"encoding/base64"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"github.com/neverlapse/neverlapse/internal/app"
	"github.com/neverlapse/neverlapse/internal/app/stores"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/config"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/store"
	"github.com/neverlapse/neverlapse/internal/store/postgres/postgrestest"
	"github.com/neverlapse/neverlapse/internal/store/storetest"
)

// bucket is an empty one of a stand-in of S3.
func bucket(t *testing.T) (endpoint string) {
	t.Helper()
	for name, value := range map[string]string{"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "key", "AWS_EC2_METADATA_DISABLED": "true"} {
		t.Setenv(name, value)
	}
	backend := s3mem.New()
	must(t, backend.CreateBucket("bucket"))
	server := httptest.NewServer(gofakes3.New(backend, gofakes3.WithTimeSkewLimit(0)).Server())
	t.Cleanup(server.Close)
	return server.URL
}

const copied = 12 // certificates

// fill puts certificates with a journal longer than S3 keeps in one object into a folder.
func fill(t *testing.T, dir string) {
	t.Helper()
	ctx := t.Context()
	s, err := store.Options{Path: filepath.Join(dir, "store"), KeyFile: filepath.Join(dir, "store.key")}.Open(ctx)
	must(t, err)
	for i := range copied {
		name := fmt.Sprintf("www%d", i)
		pair, _, err := storetest.NewPair(name+".example.com", time.Now())
		must(t, err)
		v, err := s.PutVersion(ctx, name, "ca", pair)
		must(t, err)
		must(t, s.SetLive(ctx, name, v.Fingerprint, ""))
		must(t, s.PutCapture(ctx, name, "d", "web", []byte("what was there")))
		var entries []cert.Entry
		for n := range int64(40) {
			entries = append(entries, cert.Entry{Sequence: n + 1, At: time.Now(), Kind: "told", Text: fmt.Sprintf("%01000d", n)})
		}
		must(t, s.Append(ctx, name, entries))
		must(t, s.Claim(ctx, name, []string{"nginx:web:" + name}))
	}
	must(t, s.PutAccount(ctx, cert.Account{CA: "ca", Email: "ops@example.com", Key: newKey(t)}))
	must(t, s.Welcome(ctx, "web7"))
	must(t, s.Close())
}

func TestAStoreGoesFromAFolderToPostgreSQLToS3AndBack(t *testing.T) {
	dir := installation(t, postgrestest.Start(t).Database(t))
	fill(t, dir)
	key := "key_file: DIR/store.key"
	places := []string{
		"{kind: files, options: {path: DIR/store, " + key + "}}",
		"{kind: postgres, options: {url_file: DIR/url, hosts_path: DIR/hosts, " + key + "}}",
		"{kind: s3, options: {bucket: bucket, region: r, path_style: true, endpoint: '" + bucket(t) + "', hosts_path: DIR/hosts3, " + key + "}}",
		"{kind: files, options: {path: DIR/back, " + key + "}}",
	}
	var at []config.Config
	for _, p := range places {
		c, err := load(t, dir, "data: DIR\nstore: "+p+"\n")
		must(t, err)
		at = append(at, c)
	}
	_, _, err := app.CopyStore(t.Context(), app.Copying{From: at[0], To: at[1], Options: store.CopyOptions{DryRun: true, Now: time.Now()}}, stores.Kinds)
	must(t, err)
	if _, err := os.Stat(filepath.Join(dir, "hosts", "hosts")); err == nil {
		t.Error("a dry run wrote what hosts read")
	}
	for i := range places[1:] {
		done, names, err := app.CopyStore(t.Context(), app.Copying{From: at[i], To: at[i+1], Options: store.CopyOptions{Now: time.Now()}}, stores.Kinds)
		if err != nil {
			t.Fatalf("%+v: %v", names, err)
		}
		if done.Certificates != copied || done.Versions != copied || done.Entries != 40*copied || done.Written != done.Pieces || len(done.Damaged) > 0 {
			t.Errorf("%+v: %+v", names, done)
		}
		_, _, err = app.CopyStore(t.Context(), app.Copying{From: at[i], To: at[i+1], Options: store.CopyOptions{Now: time.Now()}}, stores.Kinds)
		if !fault.Is(err, fault.Conflict) {
			t.Errorf("onto a store that is done: %v", err)
		}
	}
	first, last := files(t, filepath.Join(dir, "store")), files(t, filepath.Join(dir, "back"))
	if !slices.Equal(first, last) {
		t.Errorf("after three copies\n%q\nis\n%q", first, last)
	}
}

// files are those of a folder, with their content.
func files(t *testing.T, dir string) (out []string) {
	t.Helper()
	must(t, filepath.WalkDir(dir, func(name string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || d.Name() == ".lock" {
			return err
		}
		data, err := os.ReadFile(name)
		rel, _ := filepath.Rel(dir, name)
		if len(data) > 0 { // a log that has no lines is none
			out = append(out, rel+": "+string(data))
		}
		return err
	}))
	return out
}

func TestACopyIsRefusedBesideAWorkerWithoutTheKeyAndWithoutAPlaceForHosts(t *testing.T) {
	dir := installation(t, postgrestest.Start(t).Database(t))
	fill(t, dir)
	must(t, os.WriteFile(filepath.Join(dir, "other.key"), []byte(base64.StdEncoding.EncodeToString(make([]byte, 32))), 0o600))
	from, err := load(t, dir, "data: DIR\nstore: {kind: files, options: {path: DIR/store, key_file: DIR/store.key}}\n")
	must(t, err)
	for to, want := range map[string]string{
		"{kind: postgres, options: {url_file: DIR/url, key_file: DIR/store.key}}":                      "name one in hosts_path",
		"{kind: postgres, options: {url_file: DIR/url, hosts_path: DIR/h, key_file: DIR/other.key}}":   "does not open what is sealed in",
		"{kind: files, options: {path: DIR/elsewhere/store}}":                                          "store.options.key_file: " + dir + "/none/store.key is missing",
		"{kind: postgres, options: {url_file: DIR/url, hosts_path: DIR/h, key_file: DIR/missing.key}}": "missing.key",
	} {
		c, err := load(t, dir, "data: DIR/none\nstore: "+to+"\n")
		must(t, err)
		_, _, err = app.CopyStore(t.Context(), app.Copying{From: from, To: c, Options: store.CopyOptions{Now: time.Now()}}, stores.Kinds)
		mentions(t, err, want)
	}
	s, err := store.Options{Path: filepath.Join(dir, "store"), KeyFile: filepath.Join(dir, "store.key")}.Open(t.Context())
	must(t, err)
	must(t, s.Beat(t.Context(), time.Now()))
	must(t, s.Close())
	to, err := load(t, dir, "data: DIR\nstore: {kind: postgres, options: {url_file: DIR/url, hosts_path: DIR/h, key_file: DIR/store.key}}\n")
	must(t, err)
	for later, want := range map[time.Duration]string{30 * time.Second: "stop all workers", time.Hour: ""} {
		_, _, err = app.CopyStore(t.Context(), app.Copying{From: from, To: to, Options: store.CopyOptions{DryRun: true, Now: time.Now().Add(later)}}, stores.Kinds)
		if want == "" {
			must(t, err)
		} else {
			mentions(t, err, want)
		}
	}
}
