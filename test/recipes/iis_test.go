package recipes_test

import (
	"path/filepath"
	"testing"

	"github.com/neverlapse/neverlapse/internal/fault"
)

// More cannot be shown without a Windows: the configuration of the page is good,
// and a machine that cannot be reached is behind.
func TestIISOutOfReachIsBehind(t *testing.T) {
	needed(t, "openssh-client", "ssh")
	tgt := recipe(t, "iis.md", map[string]string{
		"/etc/neverlapse/shop-keystore-password": write(t, filepath.Join(t.TempDir(), "password"), storePassword),
		"neverlapse@win1.example.com":            "neverlapse@127.0.0.1",
	})
	if err := tgt.Preflight(t.Context()); !fault.Is(err, fault.Unavailable) {
		t.Errorf("Preflight = %v", err)
	}
}
