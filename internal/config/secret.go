package config

import (
	"fmt"
	"io"
	"os"
	"strings"
)

// ReadKey gives the text of a key of temporal.encryption. The error follows the
// name of the key.
func (c Config) ReadKey(k EncryptionKey) (string, error) {
	if k.File != "" {
		text, err := ReadSecret(k.File)
		if err != nil {
			return "", fmt.Errorf("cannot be read: %w", err)
		}
		return text, nil
	}
	for _, e := range c.Env {
		if name, text, _ := strings.Cut(e, "="); name == k.Env && text != "" {
			return text, nil
		}
	}
	return "", fmt.Errorf("cannot be read: the environment variable %s is empty; put the key there, or into a file", k.Env)
}

// maxSecret bounds a file of a secret; a longer one is a mistake.
const maxSecret = 1 << 20

// ReadSecret gives the content of a file without the newline that editors put
// at its end. A file that everybody on the machine may read is refused. No error
// repeats the content.
func ReadSecret(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("secret: %w", err)
	}
	if !info.Mode().IsRegular() { // opening a pipe would wait
		return "", fmt.Errorf("secret %s: is not a regular file; write the secret into one", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("secret: %w", err)
	}
	defer f.Close()
	if info, err = f.Stat(); err != nil {
		return "", fmt.Errorf("secret: %w", err)
	}
	if mode := info.Mode().Perm(); mode&0o007 != 0 {
		return "", fmt.Errorf("secret %s: everybody on this machine may use it (mode %04o); run: chmod o= %s (in Kubernetes set defaultMode: 0440 on the volume)", path, mode, path)
	}
	content, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	if err != nil {
		return "", fmt.Errorf("secret: %w", err)
	}
	if len(content) > maxSecret {
		return "", fmt.Errorf("secret %s: is longer than %d bytes; is it the right file?", path, maxSecret)
	}
	secret, line := strings.CutSuffix(string(content), "\n")
	if line {
		secret = strings.TrimSuffix(secret, "\r")
	}
	if strings.TrimSpace(secret) == "" {
		return "", fmt.Errorf("secret %s: is empty; write the secret into it", path)
	}
	return secret, nil
}
