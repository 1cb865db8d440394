package app

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/neverlapse/neverlapse/internal/config"
)

// KeepKey puts a private key (PEM) of a certificate into the store of the
// configuration, as the CLI does on the machine of a worker: a key goes by no
// other way, least of all by Temporal. A store that is not there is not made.
func KeepKey(ctx context.Context, c config.Config, name string, key []byte) error {
	if dir, err := storeFolder(c); err != nil {
		return err
	} else if entries, err := os.ReadDir(dir); err != nil || len(entries) == 0 {
		return fmt.Errorf("the store of the workers is not at %s; a private key is handed over only there: run this on a worker's machine, with its configuration and as its user", dir)
	}
	s, err := openStore(ctx, c)
	if err != nil {
		return err
	}
	_, err = s.PutKey(ctx, name, key)
	if closed := s.Close(); err == nil {
		err = closed
	}
	return err
}

func storeFolder(c config.Config) (string, error) {
	o, err := storeOptions(c)
	if err != nil {
		return "", err
	}
	return filepath.Clean(o.Path), nil
}
