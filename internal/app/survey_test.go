package app_test

import (
	"crypto/x509"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/app"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/scan/scantest"
)

func TestTheCacheOfAScanForgetsFilesThatAreGone(t *testing.T) {
	dir, cache, now := t.TempDir(), filepath.Join(t.TempDir(), "cache"), time.Now()
	file := filepath.Join(dir, "goes.pem")
	chain := cert.EncodeChain([]*x509.Certificate{scantest.NewAuthority(t).Leaf(t, nil, "www.test").Cert})
	if err := os.WriteFile(file, chain, 0o600); err != nil {
		t.Fatal(err)
	}
	kept := func() bool {
		t.Helper()
		s, err := app.NewSurvey(app.SurveyOptions{Cache: cache, Now: func() time.Time { return now }})
		if err != nil {
			t.Fatal(err)
		}
		out, err := s.Look(t.Context(), nil, []string{dir}, app.Progress{})
		if err != nil || out.CacheErr != nil {
			t.Fatal(err, out.CacheErr)
		}
		data, err := os.ReadFile(cache)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Contains(string(data), file)
	}
	for deadline := time.Now().Add(time.Minute); !kept(); { // one that was written this instant is not kept yet
		if time.Now().After(deadline) {
			t.Fatal("it is not kept")
		}
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if !kept() {
		t.Error("a scan without it forgets it at once; one of other folders would, too")
	}
	if now = now.Add(48 * time.Hour); kept() {
		t.Error("it is there for ever")
	}
}
