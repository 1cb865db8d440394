package app

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/neverlapse/neverlapse/internal/config"
)

// KeepKey puts a private key (PEM) of a certificate into the store of the
// configuration, as the CLI does on the machine of a worker: a key goes by no
// other way, least of all by Temporal. A folder that is not there is not made.
func KeepKey(ctx context.Context, c config.Config, name string, key []byte, more ...Kinds) error {
	if err := storeIsThere(c); err != nil {
		return err
	}
	s, err := storeOf(ctx, c, more)
	if err != nil {
		return err
	}
	if err = s.Begin(ctx); err == nil {
		_, err = s.PutKey(ctx, name, key)
	}
	return errors.Join(err, s.Close())
}

// storeIsThere looks for the folder of a store that is one.
func storeIsThere(c config.Config) error {
	dir, err := storeFolder(c)
	if err != nil || dir == "" {
		return err
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) == 0 {
		return fmt.Errorf("the store of the workers is not at %s; a private key is handed over only there: run this on a worker's machine, with its configuration and as its user", dir)
	}
	return nil
}
