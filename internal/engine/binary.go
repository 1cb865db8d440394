package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

const (
	binaryName = "neverlapse-engine"
	cliName    = "temporal"
	binaryEnv  = "NEVERLAPSE_ENGINE"
)

// findBinary returns the absolute path of the server to start. A path that someone named must work; it is not passed over.
func findBinary(explicit string) (string, error) {
	for _, named := range []struct{ by, path string }{{"binary", explicit}, {"$" + binaryEnv, os.Getenv(binaryEnv)}} {
		if named.path == "" {
			continue
		}
		found, err := exec.LookPath(named.path)
		if err != nil {
			return "", fmt.Errorf("engine: %s: %w", named.by, err)
		}
		return filepath.Abs(found)
	}
	looked := []string{"$" + binaryEnv + " (not set)"}
	if exe, err := os.Executable(); err == nil {
		if resolved, err := filepath.EvalSymlinks(exe); err == nil {
			exe = resolved
		}
		beside := filepath.Join(filepath.Dir(exe), binaryName)
		if found, err := exec.LookPath(beside); err == nil {
			return found, nil
		}
		looked = append(looked, beside)
	}
	for _, name := range []string{binaryName, cliName} {
		if found, err := exec.LookPath(name); err == nil {
			return filepath.Abs(found)
		}
		looked = append(looked, name+" in PATH")
	}
	return "", fmt.Errorf("engine: no Temporal server to start; looked for %s. Build it with `make engine`, "+
		"or install the temporal CLI, or set temporal.address to a server that runs already", strings.Join(looked, ", "))
}

// reported finds the server in "neverlapse-engine (Server 1.32.1, UI 2.55.0)" and "temporal version 1.5.1 (Server 1.29.1, UI 2.42.1)".
var reported = regexp.MustCompile(`\bServer (\d+\.\d+\.\d+[-.+0-9A-Za-z]*)`)

// serverVersion asks the binary for the version of the Temporal server in it.
func serverVersion(ctx context.Context, binary string) (string, error) {
	cmd := exec.CommandContext(ctx, binary, "--version")
	cmd.Env = environment()
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("engine: %s --version: %w: %s", binary, err, strings.TrimSpace(string(out)))
	}
	found := reported.FindSubmatch(out)
	if found == nil {
		return "", fmt.Errorf("engine: %s --version names no Temporal server: %q", binary, strings.TrimSpace(string(out)))
	}
	return string(found[1]), nil
}

// databaseFile names the database of this server version. A server neither migrates another version's file nor misses it: with an empty
// one it would forget every certificate, so that is left to a person.
func databaseFile(dir, version string) (string, error) {
	path := filepath.Join(dir, "engine-"+version+".db")
	if _, err := os.Stat(path); err == nil || !errors.Is(err, os.ErrNotExist) {
		return path, err
	}
	others, err := filepath.Glob(filepath.Join(dir, "engine-*.db"))
	if err != nil || len(others) == 0 {
		return path, err
	}
	other := filepath.Base(others[len(others)-1])
	return "", fmt.Errorf("engine: %s holds %s, made by another Temporal server than this one (%s), and an empty database would forget every certificate. "+
		"To go on with it, which neverlapse-engine refuses if it cannot: cd %[1]s && for f in %[2]s*; do mv \"$f\" \"engine-%[3]s.db${f#%[2]s}\"; done. "+
		"To begin anew: move it elsewhere", dir, other, version)
}
