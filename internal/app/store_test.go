package app

import (
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/config"
	"github.com/neverlapse/neverlapse/internal/store"
)

func TestWorkersThatStartAtOnceOnANewFolderShareOneStore(t *testing.T) {
	for range 20 {
		c := config.Default()
		c.Data = filepath.Join(t.TempDir(), "data")
		stores := make([]*store.Store, 6)
		var all sync.WaitGroup
		for i := range stores {
			all.Go(func() {
				s, err := storeOf(t.Context(), c, nil)
				if err != nil {
					t.Error(err)
					return
				}
				stores[i] = s
			})
		}
		all.Wait()
		if t.Failed() {
			t.FailNow()
		}
		for i, s := range stores {
			signer, err := cert.GenerateKey(cert.EC256)
			must(t, err)
			key, err := cert.EncodeKey(signer)
			must(t, err)
			ref, err := s.PutKey(t.Context(), "www"+strconv.Itoa(i), key)
			must(t, err)
			for _, other := range stores {
				got, err := other.Key(t.Context(), "www"+strconv.Itoa(i), ref)
				must(t, err)
				if string(got) != string(key) {
					t.Error("another key came back")
				}
			}
		}
		for _, s := range stores {
			must(t, s.Close())
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
