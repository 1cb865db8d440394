package s3_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"gocloud.dev/secrets/localsecrets"

	"github.com/neverlapse/neverlapse/internal/amazon"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/store"
	"github.com/neverlapse/neverlapse/internal/store/s3"
	"github.com/neverlapse/neverlapse/internal/store/storetest"
)

func TestMain(m *testing.M) {
	for name, value := range map[string]string{"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "key", "AWS_EC2_METADATA_DISABLED": "true"} {
		if err := os.Setenv(name, value); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

var (
	rightKey = [32]byte{1, 2, 3}
	otherKey = [32]byte{3, 2, 1}
	start    = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
)

// bucket is an empty one on a server of its own, behind what stands before it.
func bucket(t *testing.T, before func(http.Handler) http.Handler) (s3.Options, gofakes3.Backend) {
	t.Helper()
	backend := s3mem.New()
	must(t, backend.CreateBucket("bucket"))
	handler := gofakes3.New(backend, gofakes3.WithTimeSkewLimit(0)).Server()
	if before != nil {
		handler = before(handler)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return s3.Options{Bucket: "bucket", Prefix: "neverlapse/", Region: "eu-central-1", PathStyle: true, Access: amazon.Access{Endpoint: server.URL}}, backend
}

func with(ctx context.Context, o s3.Options, key [32]byte) (*store.Store, error) {
	m, err := s3.New(o)
	if err != nil {
		return nil, err
	}
	return store.Open(ctx, m, localsecrets.NewKeeper(key))
}

func open(t *testing.T, o s3.Options) *store.Store {
	t.Helper()
	s, err := with(t.Context(), o, rightKey)
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	return s
}

func TestS3KeepsTheContract(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Backend {
		o, backend := bucket(t, nil)
		return storetest.Backend{
			Open:      func(t *testing.T) storetest.Store { return open(t, o) },
			OpenOther: func(t *testing.T) error { _, err := with(t.Context(), o, otherKey); return err },
			AtRest:    func(t *testing.T) []byte { return everyByte(t, backend) },
		}
	})
}

func everyByte(t *testing.T, backend gofakes3.Backend) []byte {
	t.Helper()
	list, err := backend.ListBucket("bucket", nil, gofakes3.ListBucketPage{})
	must(t, err)
	var all bytes.Buffer
	for _, c := range list.Contents {
		o, err := backend.GetObject("bucket", c.Key, nil)
		must(t, err)
		all.WriteString(c.Key + "\n")
		_, err = all.ReadFrom(o.Contents)
		must(t, err)
	}
	return all.Bytes()
}

func TestAServiceThatIgnoresConditionsIsRefusedAtTheStart(t *testing.T) {
	for _, ignored := range [][]string{{"If-Match"}, {"If-None-Match"}, {"If-Match", "If-None-Match"}} {
		o, backend := bucket(t, func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				for _, h := range ignored {
					r.Header.Del(h)
				}
				next.ServeHTTP(w, r)
			})
		})
		_, err := with(t.Context(), o, rightKey)
		if !fault.Is(err, fault.Configuration) || !strings.Contains(err.Error(), "does not honour conditional writes") {
			t.Errorf("without %v: kind %q: %v", ignored, fault.KindOf(err), err)
		}
		if left := everyByte(t, backend); len(left) > 0 {
			t.Errorf("it left %.200s", left)
		}
	}
}

// Every third write happens and its answer is lost, as when a connection breaks.
func TestAWriteWhoseAnswerIsLostCountsOnce(t *testing.T) {
	var writes atomic.Int64
	o, _ := bucket(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPut && strings.HasSuffix(r.URL.Path, "/room.json") && writes.Add(1)%3 == 0 {
				next.ServeHTTP(httptest.NewRecorder(), r)
				w.WriteHeader(http.StatusInternalServerError)
				return
			}
			next.ServeHTTP(w, r)
		})
	})
	s := open(t, o)
	const names = 6
	for n := range names {
		must(t, storetest.AddName(t.Context(), s, "www", fmt.Sprint(n)))
		must(t, s.Append(t.Context(), "www", []cert.Entry{{Sequence: int64(n + 1), At: start}}))
	}
	iss, err := open(t, o).Issuance(t.Context(), "www", "")
	must(t, err)
	if len(iss.Names) != names || iss.Revision != names || writes.Load() < 2*names+3 {
		t.Errorf("%v at revision %d after %d writes", iss.Names, iss.Revision, writes.Load())
	}
}

func TestALongJournalIsKeptInPartsAndAnInterruptedChangeChangesNothing(t *testing.T) {
	var broken atomic.Bool
	o, backend := bucket(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if broken.Load() && strings.HasSuffix(r.URL.Path, "/room.json") && r.Method == http.MethodPut {
				w.WriteHeader(http.StatusForbidden)
				fmt.Fprint(w, `<Error><Code>AccessDenied</Code><Message>no</Message></Error>`)
				return
			}
			next.ServeHTTP(w, r)
		})
	})
	s := open(t, o)
	long := strings.Repeat("x", 20<<10)
	for n := range int64(6) {
		must(t, s.Append(t.Context(), "www", []cert.Entry{{Sequence: n + 1, At: start, Text: long}}))
	}
	must(t, s.Append(t.Context(), "www", []cert.Entry{{Sequence: 2, At: start, Text: "not this one"}, {Sequence: 7, At: start}}))
	before := everyByte(t, backend)
	if parts := bytes.Count(before, []byte("certificates/www/pieces/")); parts < 2 {
		t.Errorf("%d parts", parts)
	}
	broken.Store(true)
	pair, _, err := storetest.NewPair("www.example.com", start)
	must(t, err)
	if _, err := s.PutVersion(t.Context(), "www", "ca", pair); !fault.Is(err, fault.Configuration) {
		t.Errorf("kind %q: %v", fault.KindOf(err), err)
	}
	versions, err := s.Versions(t.Context(), "www")
	must(t, err)
	entries, err := open(t, o).Entries(t.Context(), "www")
	must(t, err)
	if len(versions) != 0 || len(entries) != 7 || slices.ContainsFunc(entries, func(e cert.Entry) bool { return e.Text != long && e.Sequence < 7 }) {
		t.Errorf("%d versions, %d entries", len(versions), len(entries))
	}
}

func TestABucketThatIsNotThereAndOptionsThatCannotWorkAreRefused(t *testing.T) {
	good, _ := bucket(t, nil)
	for want, change := range map[string]func(*s3.Options){
		"there is no such bucket": func(o *s3.Options) { o.Bucket = "another" },
		"bucket:":                 func(o *s3.Options) { o.Bucket = "" },
		"prefix:":                 func(o *s3.Options) { o.Prefix = "/x" },
		"region: missing":         func(o *s3.Options) { o.Region = "" },
		"endpoint:":               func(o *s3.Options) { o.Endpoint = "http://s3.example.com" },
	} {
		o := good
		change(&o)
		if _, err := with(t.Context(), o, rightKey); !fault.Is(err, fault.Configuration) || !strings.Contains(err.Error(), want) {
			t.Errorf("kind %q: %v\nwant %s", fault.KindOf(err), err, want)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
