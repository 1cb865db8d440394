package store_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/store"
)

func TestABeatTellsWhetherTheStoreTakesWhatIsWritten(t *testing.T) {
	dir := t.TempDir()
	o := store.Options{Path: filepath.Join(dir, "store"), KeyFile: filepath.Join(dir, "key")}
	if err := store.GenerateKeyFile(o.KeyFile); err != nil {
		t.Fatal(err)
	}
	s, err := o.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for range 2 {
		if err := s.Beat(t.Context(), time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.RemoveAll(o.Path); err != nil {
		t.Fatal(err)
	}
	if err := s.Beat(t.Context(), time.Now()); err == nil {
		t.Error("a store that is gone takes what is written")
	}
}
