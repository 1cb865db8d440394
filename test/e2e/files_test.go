package e2e

import (
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
)

const hup = syscall.SIGHUP

func writeFile(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// targetPair reads what lies on disk for an nginx server, and checks that the
// key belongs to the certificate.
func targetPair(w *world, i int) (cert.Pair, error) {
	p, err := targetFiles(w, i)
	if err != nil {
		return p, err
	}
	return p, p.Check([]string{w.Nginx.Servers[i].Name}, time.Now())
}

func targetFiles(w *world, i int) (cert.Pair, error) {
	var p cert.Pair
	var err error
	s := w.Nginx.Servers[i]
	if p.Chain, err = os.ReadFile(s.Certificate); err != nil {
		return p, err
	}
	if p.Key, err = os.ReadFile(s.Key); err != nil {
		return p, err
	}
	return p, nil
}
