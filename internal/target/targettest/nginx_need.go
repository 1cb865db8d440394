package targettest

import (
	"os"
	"testing"
)

// RequireEnv, when set, turns a missing server into a failure instead of a skip.
const RequireEnv = "NEVERLAPSE_REQUIRE_SERVERS"

// NeedNginx gives the path of nginx, or skips the test if it is not installed.
func NeedNginx(t testing.TB) string {
	t.Helper()
	path, err := FindNginx()
	if err == nil {
		return path
	}
	if os.Getenv(RequireEnv) != "" {
		t.Fatal(err)
	}
	t.Skip(err)
	return ""
}
