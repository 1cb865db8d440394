package acme

import (
	"fmt"
	"os"
	"strings"
)

// readSecret reads a file that holds a secret; one that everybody on this
// machine may read is refused. No error repeats the content.
func readSecret(option, file string) (string, error) {
	info, err := os.Stat(file)
	if err != nil {
		return "", fmt.Errorf("%s: %w", option, err)
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("%s: %s is no regular file; write the secret into one", option, file)
	}
	if mode := info.Mode().Perm(); mode&0o007 != 0 {
		return "", fmt.Errorf("%s: everybody on this machine may use %s (mode %04o); run: chmod o= %s", option, file, mode, file)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("%s: %w", option, err)
	}
	text := strings.TrimSpace(string(data))
	if text == "" {
		return "", fmt.Errorf("%s: %s is empty; write the secret into it", option, file)
	}
	return text, nil
}
