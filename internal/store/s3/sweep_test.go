package s3_test

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"

	"github.com/neverlapse/neverlapse/internal/store"
	"github.com/neverlapse/neverlapse/internal/store/s3"
	"github.com/neverlapse/neverlapse/internal/store/storetest"
)

// objects counts those of pieces.
func objects(t *testing.T, backend gofakes3.Backend) (n int) {
	t.Helper()
	list, err := backend.ListBucket("bucket", nil, gofakes3.ListBucketPage{})
	must(t, err)
	for _, c := range list.Contents {
		if strings.Contains(c.Key, "/pieces/") {
			n++
		}
	}
	return n
}

func sweep(t *testing.T, m *s3.Medium, after time.Duration) int {
	t.Helper()
	n, err := m.Sweep(t.Context(), time.Now().Add(after))
	must(t, err)
	return n
}

const (
	young = time.Hour
	day   = 25 * time.Hour
)

func TestWhatNothingNamesIsRemovedADayAfterThatWasFoundAndNothingElse(t *testing.T) {
	o, backend := bucket(t, nil)
	s := open(t, o)
	pair, _, err := storetest.NewPair("www.example.com", start)
	must(t, err)
	v, err := s.PutVersion(t.Context(), "pieces", "ca", pair) // a name that must confuse nobody
	must(t, err)
	const names = 40
	for n := range names {
		must(t, storetest.AddName(t.Context(), s, "pieces", fmt.Sprintf("%d.%s.example.com", n, strings.Repeat("x", 60))))
	}
	all := objects(t, backend)
	m, err := s3.New(o)
	must(t, err)
	for _, step := range []struct {
		after   time.Duration
		removed bool
	}{{young, false}, {day, false}, {day + young, false}, {2*day + young, true}, {3 * day, false}} {
		if n := sweep(t, m, step.after); n > 0 != step.removed {
			t.Errorf("after %s: %d objects were removed", step.after, n)
		}
	}
	left := objects(t, backend)
	if left >= all || left > 4 {
		t.Errorf("of %d objects %d are left", all, left)
	}
	again := open(t, o)
	_, err = again.Pair(t.Context(), "pieces", v.Fingerprint)
	must(t, err)
	iss, err := again.Issuance(t.Context(), "pieces", "")
	must(t, err)
	if len(iss.Names) != names {
		t.Errorf("%d names", len(iss.Names))
	}
}

var room = store.Room{Path: "room"}

func put(t *testing.T, m *s3.Medium, data []byte) {
	t.Helper()
	must(t, m.Change(t.Context(), room, func(c store.Change) error { return c.Write(t.Context(), "x", data) }))
}

func holds(t *testing.T, m *s3.Medium, want []byte) {
	t.Helper()
	if got, err := m.View(room).Read(t.Context(), "x"); err != nil || !bytes.Equal(got, want) {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
}

func TestWhatIsDroppedAndWrittenAgainStays(t *testing.T) {
	o, _ := bucket(t, nil)
	m, err := s3.New(o)
	must(t, err)
	one, two := bytes.Repeat([]byte("1"), 4<<10), bytes.Repeat([]byte("2"), 4<<10)
	put(t, m, one)
	put(t, m, two)
	sweep(t, m, day)
	put(t, m, one)
	if n := sweep(t, m, 2*day+young); n != 1 {
		t.Errorf("%d objects were removed, want the first of the two that hold the same", n)
	}
	holds(t, m, one)
	put(t, m, two)
	holds(t, m, two)
}

func TestASweepThatIsCutShortGoesOn(t *testing.T) {
	var broken atomic.Bool
	o, backend := bucket(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if broken.Load() && r.Method == http.MethodPut {
				w.WriteHeader(http.StatusForbidden)
				fmt.Fprint(w, `<Error><Code>AccessDenied</Code><Message>no</Message></Error>`)
				return
			}
			next.ServeHTTP(w, r)
		})
	})
	m, err := s3.New(o)
	must(t, err)
	two := bytes.Repeat([]byte("2"), 4<<10)
	put(t, m, bytes.Repeat([]byte("1"), 4<<10))
	put(t, m, two)
	sweep(t, m, day)
	broken.Store(true)
	if n, err := m.Sweep(t.Context(), time.Now().Add(2*day+young)); n != 1 || err == nil {
		t.Errorf("%d, %v", n, err)
	}
	broken.Store(false)
	if n := sweep(t, m, 3*day); n != 0 || objects(t, backend) != 1 {
		t.Errorf("%d removed, %d left", n, objects(t, backend))
	}
	holds(t, m, two)
}

// The clock of the sweeper is a day ahead at each turn, so that all that may go goes
// at once, while another worker writes the same few things again and again.
func TestASweepBesideAWriterRemovesNothingThatIsNamed(t *testing.T) {
	o, _ := bucket(t, nil)
	m, err := s3.New(o)
	must(t, err)
	put(t, m, bytes.Repeat([]byte("0"), 2<<10))
	end := make(chan struct{})
	swept := make(chan int)
	go func() {
		other, err := s3.New(o)
		removed := 0
		for n := 1; err == nil; n++ {
			select {
			case <-end:
				swept <- removed
				return
			default:
			}
			var k int
			k, err = other.Sweep(t.Context(), time.Now().Add(time.Duration(n)*day))
			removed += k
		}
		t.Error(err)
		swept <- removed
	}()
	for n := range 300 {
		data := bytes.Repeat([]byte{byte('0' + n%3)}, 2<<10)
		put(t, m, data)
		holds(t, m, data)
	}
	close(end)
	if n := <-swept; n == 0 {
		t.Error("nothing was removed meanwhile")
	}
}
