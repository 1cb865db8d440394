package targettest

import (
	"os"
	"os/exec"
	"testing"
)

// RequireEnv, when set, turns a missing server into a failure instead of a skip.
const RequireEnv = "NEVERLAPSE_REQUIRE_SERVERS"

// NeedNginx gives the path of nginx, or skips the test if it is not installed.
func NeedNginx(t testing.TB) string { return needed(t, FindNginx) }

// NeedApache gives the path of Apache, or skips the test if it is not installed.
func NeedApache(t testing.TB) string { return needed(t, FindApache) }

// NeedHAProxy gives the path of HAProxy, or skips the test if it is not installed.
func NeedHAProxy(t testing.TB) string { return needed(t, FindHAProxy) }

// NeedProgram gives the path of a program that Debian has in a package of its
// name, or skips the test if it is not installed.
func NeedProgram(t testing.TB, name string) string {
	return needed(t, func() (string, error) { return exec.LookPath(name) })
}

func needed(t testing.TB, find func() (string, error)) string {
	t.Helper()
	path, err := find()
	if err == nil {
		return path
	}
	if os.Getenv(RequireEnv) != "" {
		t.Fatal(err)
	}
	t.Skip(err)
	return ""
}
