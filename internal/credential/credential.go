// Package credential reads what lets this program in elsewhere (tokens, API
// keys, passwords) from where it is kept: a file that is closed to others, or
// the environment. Adapters call it each time they need one, so that a new one
// counts at once. It keeps nothing.
package credential

import (
	"os"
	"strings"

	"github.com/neverlapse/neverlapse/internal/fault"
)

// Read reads a secret anew from a file, which must be closed to others, or
// where none is given from an environment variable. field is the option without
// _file or _env. No error repeats the secret.
func Read(field, file, env string) (string, error) {
	if file == "" {
		if s := strings.TrimSpace(os.Getenv(env)); s != "" {
			return s, nil
		}
		return "", fault.New(fault.Configuration, "%s_env: the environment variable %s is empty; put it there, or into a file (%s_file)", field, env, field)
	}
	field += "_file"
	info, err := os.Stat(file)
	if err != nil {
		return "", fault.New(fault.Configuration, "%s: %w", field, err)
	}
	if mode := info.Mode().Perm(); mode&0o007 != 0 {
		return "", fault.New(fault.Configuration, "%s: everybody on this machine may use %s (mode %04o); run: chmod o= %s", field, file, mode, file)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return "", fault.New(fault.Configuration, "%s: %w", field, err)
	}
	s := strings.TrimSpace(string(data))
	if s == "" {
		return "", fault.New(fault.Configuration, "%s: %s is empty", field, file)
	}
	return s, nil
}
