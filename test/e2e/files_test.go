package e2e

import (
	"os"
	"syscall"
	"testing"
)

const hup = syscall.SIGHUP

func writeFile(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}
