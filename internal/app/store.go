package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/neverlapse/neverlapse/internal/config"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/store"
)

// Media makes what a store lies on, by its kind, from its options. Nothing is
// dialled.
type Media map[string]func(options map[string]any, path string) (store.Medium, Sealing, error)

// filesKind is the store on a local directory.
const filesKind = "files"

type filesOptions struct {
	Path    string `mapstructure:"path"`
	Sealing `mapstructure:",squash"`
}

// storeOf makes the store of a configuration; Begin opens it, but for one on
// files whose key is here, which is open. That lies, without options, in the data folder and its key
// beside it, made at the first start.
func storeOf(ctx context.Context, c config.Config, more []Kinds) (*store.Store, error) {
	m, sealing, err := mediumOf(c, more)
	if err != nil {
		return nil, err
	}
	s, err := storeOn(c, m, sealing, more)
	if err != nil {
		return nil, err
	}
	if c.Store.Kind == filesKind && !sealing.remote() {
		if err := s.Begin(ctx); err != nil {
			return nil, errors.Join(config.Under("store.options", err), s.Close())
		}
	}
	return s, nil
}

// storeOn is a store that is not opened yet, with what it shares with hosts.
func storeOn(c config.Config, m store.Medium, sealing Sealing, more []Kinds) (*store.Store, error) {
	const path = "store.options"
	keeper, err := sealing.keeper(more)
	if err != nil {
		return nil, errors.Join(config.Under(path, err), m.Close())
	}
	s := store.On(m, keeper)
	if err := share(c, s, sealing); err != nil {
		return nil, errors.Join(config.Under(path, err), s.Close())
	}
	return s, nil
}

func mediumOf(c config.Config, more []Kinds) (store.Medium, Sealing, error) {
	const path = "store.options"
	if c.Store.Kind == filesKind {
		return filesOf(c)
	}
	all := Media{}
	for _, k := range more {
		maps.Copy(all, k.Media)
	}
	of, known := all[c.Store.Kind]
	if !known {
		kinds := slices.Sorted(maps.Keys(all))
		return nil, Sealing{}, fmt.Errorf("store.kind: %q is not known; use %s", c.Store.Kind, strings.Join(append([]string{filesKind}, kinds...), ", "))
	}
	m, sealing, err := of(c.Store.Options, path)
	if err == nil {
		err = config.Under(path, sealing.validateFor("-"))
	}
	if err != nil && m != nil {
		err = errors.Join(err, m.Close())
	}
	return m, sealing, err
}

// storeFolder is the folder of a store of kind files; empty for another kind.
func storeFolder(c config.Config) (string, error) {
	if c.Store.Kind != filesKind {
		return "", nil
	}
	o, err := filesOptionsOf(c)
	return filepath.Clean(o.Path), err
}

func filesOptionsOf(c config.Config) (filesOptions, error) {
	var o filesOptions
	err := config.DecodeOptions("store.options", c.Store.Options, &o)
	o.Path = cmp.Or(o.Path, filepath.Join(c.Data, "store"))
	return o, err
}

// filesOf makes the folder of the store, and the first time the key beside it.
func filesOf(c config.Config) (store.Medium, Sealing, error) {
	o, err := filesOptionsOf(c)
	if err != nil {
		return nil, o.Sealing, err
	}
	if o.HostsPath != "" {
		return nil, o.Sealing, errors.New("store.options.hosts_path: a store of kind files is a folder already; share hosts/HOST below its path, and remove this line")
	}
	if o.none() {
		o.KeyFile = filepath.Join(c.Data, "store.key")
		if err := ensureKey(o.KeyFile, o.Path); err != nil {
			return nil, o.Sealing, config.Under("store.options.key_file", err)
		}
	}
	if err := o.validateFor(o.Path); err != nil {
		return nil, o.Sealing, config.Under("store.options", err)
	}
	m, err := store.Folder(o.Path)
	return m, o.Sealing, config.Under("store.options", err)
}

// share makes the place that is shared with hosts, if there are any.
func share(c config.Config, s *store.Store, sealing Sealing) error {
	switch {
	case c.Store.Kind == filesKind || len(c.Hosts) == 0 && sealing.HostsPath == "":
		return nil
	case sealing.HostsPath == "":
		return errors.New("hosts_path: missing; hosts are configured, and a host reads its part from a folder: name one that can be shared with them (docs/hosts.md)")
	}
	if err := os.MkdirAll(sealing.HostsPath, 0o700); err != nil {
		return fmt.Errorf("hosts_path: %w", err)
	}
	return s.ShareBelow(sealing.HostsPath)
}

// ensureKey makes the key of a store that does not exist yet, or takes the one
// that another worker makes at the same time. A store without its key is never
// given another one.
func ensureKey(file, dir string) error {
	entries, _ := os.ReadDir(dir) // before the look for the key, which is made first
	if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if len(entries) > 0 {
		return fmt.Errorf("%s is missing, and %s holds a store that was sealed with it; put the key back from your backup", file, dir)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	if err := store.GenerateKeyFile(file); !fault.Is(err, fault.Conflict) {
		return err
	}
	return nil
}
