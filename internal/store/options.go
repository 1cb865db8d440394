package store

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"gocloud.dev/secrets/localsecrets"

	"github.com/neverlapse/neverlapse/internal/fault"
)

// Options says where the store is and where its key-encryption key comes from:
// from exactly one of KeyFile and KeyEnv, as the base64 of 32 random bytes.
type Options struct {
	// Path of the directory; made with mode 0700 if it is missing.
	Path string `mapstructure:"path"`
	// KeyFile must not be readable by group or others (a Secret mounted into a
	// pod usually is: take KeyEnv there). Keep it out of the backups of Path.
	KeyFile string `mapstructure:"key_file"`
	// KeyEnv names an environment variable. Open removes the variable from the
	// environment, so that no child process inherits the key.
	KeyEnv string `mapstructure:"key_env"`
}

const keySize = 32 // bytes

// Validate checks what can be checked without touching anything; all complaints joined.
func (o Options) Validate() error {
	var errs []error
	if o.Path == "" {
		errs = append(errs, errors.New("path: missing; name the directory that keeps certificates and keys, such as /var/lib/neverlapse"))
	}
	switch {
	case o.KeyFile == "" && o.KeyEnv == "":
		errs = append(errs, errors.New("key_file: missing; name the file with the key-encryption key, or in key_env the environment variable that holds it"))
	case o.KeyFile != "" && o.KeyEnv != "":
		errs = append(errs, errors.New("key_env: key_file is given too; keep one of them"))
	}
	if o.Path != "" && o.KeyFile != "" && inside(o.Path, o.KeyFile) {
		errs = append(errs, errors.New("key_file: it lies inside path, so that whoever copies the store has its key; move it elsewhere"))
	}
	if strings.ContainsAny(o.KeyEnv, "=\x00 ") {
		errs = append(errs, errors.New("key_env: write the name of an environment variable, not the key"))
	}
	return errors.Join(errs...)
}

func inside(dir, name string) bool {
	rel, err := filepath.Rel(filepath.Clean(dir), filepath.Clean(name))
	return err == nil && filepath.IsLocal(rel)
}

// Open reads the key-encryption key and opens the store on files. Failures of
// the options or the key are fault.Configuration and say how to mend them.
func (o Options) Open(ctx context.Context) (*Store, error) {
	if err := o.Validate(); err != nil {
		return nil, fault.New(fault.Configuration, "store: %w", err)
	}
	keeper, err := LocalKeeper(o.KeyFile, o.KeyEnv)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(o.Path, folderMode); err != nil {
		return nil, fault.New(fault.Configuration, "store: %w", err)
	}
	return OpenFiles(ctx, o.Path, keeper)
}

// OpenFilesToRead opens a store that is there already, or a copy of one, and writes
// nothing: for whoever needs what is in it while nothing else runs. Close closes
// the keeper too.
func OpenFilesToRead(ctx context.Context, dir string, keeper Keeper) (*Store, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, errors.Join(fault.New(fault.Configuration, "store: %w", err), keeper.Close())
	}
	s := On(&folder{dir: dir, root: root}, keeper)
	if err := s.BeginToRead(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// LocalKeeper holds the key of a file or of an environment variable, of which one
// is given, see Options. Failures are fault.Configuration and say how to mend them.
func LocalKeeper(keyFile, keyEnv string) (Keeper, error) {
	text, from, err := Options{KeyFile: keyFile, KeyEnv: keyEnv}.keyText()
	if err != nil {
		return nil, fault.New(fault.Configuration, "store: %w", err)
	}
	if strings.HasPrefix(text, secretPrefix) {
		return nil, fault.New(fault.Configuration, "store: %s holds the key of a host, which does not open a store; give the key-encryption key of the store", from)
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if err != nil || len(key) != keySize {
		return nil, fault.New(fault.Configuration, "store: %s does not hold the base64 of %d bytes; make a key with: openssl rand -base64 %d", from, keySize, keySize)
	}
	return localsecrets.NewKeeper([keySize]byte(key)), nil
}

func (o Options) keyText() (text, from string, err error) {
	if o.KeyEnv != "" {
		text, ok := os.LookupEnv(o.KeyEnv)
		if !ok {
			return "", "", fmt.Errorf("key_env: the environment variable %s is not set", o.KeyEnv)
		}
		return text, "key_env: " + o.KeyEnv, os.Unsetenv(o.KeyEnv)
	}
	text, err = readKeyFile(o.KeyFile)
	return text, "key_file: " + o.KeyFile, err
}

func readKeyFile(name string) (string, error) {
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("key_file: %w; for a new store make one with: (umask 077 && openssl rand -base64 %d > %s)", err, keySize, name)
	}
	if err != nil {
		return "", fmt.Errorf("key_file: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", fmt.Errorf("key_file: %w", err)
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("key_file: %s is not a regular file", name)
	}
	if mode := info.Mode().Perm(); mode&0o007 != 0 {
		return "", fmt.Errorf("key_file: %s is open to everybody on this machine (mode %04o); run: chmod o= %s (in Kubernetes set defaultMode: 0440 on the volume), and if others could log in here, take another key", name, mode, name)
	}
	text, err := io.ReadAll(io.LimitReader(f, 1024))
	if err != nil {
		return "", fmt.Errorf("key_file: %w", err)
	}
	return string(text), nil
}

// GenerateKeyFile makes a key file for a new store, mode 0600. A file that
// exists is never overwritten: fault.Conflict.
func GenerateKeyFile(path string) error {
	return generate(path, func() (string, error) {
		key, err := localsecrets.NewRandomKey()
		return base64.StdEncoding.EncodeToString(key[:]), err
	})
}

// generate writes beside path and then links: nobody ever sees half a key, and
// of several that start at once one makes it.
func generate(path string, key func() (string, error)) error {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, ".neverlapse-key-") // mode 0600
	if err != nil {
		return fault.New(fault.Configuration, "key file: %w", err)
	}
	err = fillKeyFile(f, key)
	if err == nil {
		err = os.Link(f.Name(), path)
	}
	err = errors.Join(err, os.Remove(f.Name()))
	if err == nil {
		err = syncDir(dir)
	}
	switch {
	case errors.Is(err, fs.ErrExist):
		return fault.New(fault.Conflict, "key file: %w", err)
	case err != nil:
		return fault.New(fault.Configuration, "key file: %w", err)
	}
	return nil
}

func fillKeyFile(f *os.File, key func() (string, error)) error {
	text, err := key()
	if err == nil {
		_, err = f.WriteString(text + "\n")
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

func syncDir(name string) error {
	dir, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
