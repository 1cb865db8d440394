package app

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/neverlapse/neverlapse/internal/config"
	"github.com/neverlapse/neverlapse/internal/store"
)

// Sealing is what the options of every kind of store say beside their own: where
// the key-encryption key is, and where hosts find their part.
type Sealing struct {
	KeyPlace `mapstructure:",squash"`
	// KeyPeriod is how long a key that a key service wrapped or opened is used
	// without asking again; 0 means an hour. Only with key_url.
	KeyPeriod time.Duration `mapstructure:"key_period"`
	// OldKeys are those that the key replaces, until neverlapse store rotate-key is done.
	OldKeys []KeyPlace `mapstructure:"old_keys"`
	// HostsPath is a directory to share with hosts; needed where there are hosts
	// and the store is not a directory itself.
	HostsPath string `mapstructure:"hosts_path"`
}

// KeyPlace is where a key is: exactly one of them is given.
type KeyPlace struct {
	KeyFile string `mapstructure:"key_file"`
	KeyEnv  string `mapstructure:"key_env"`
	// KeyURL names a key that never leaves a key service, as gocloud.dev/secrets
	// writes it. It holds no secret: the query says where that is.
	KeyURL string `mapstructure:"key_url"`
}

// KeyServices make key services by the scheme of their URL. The query comes as
// options, and errors name them; nothing is dialled.
type KeyServices map[string]func(key string, query map[string]any, path string) (store.KeyService, error)

const (
	defaultKeyPeriod = time.Hour
	leastKeyPeriod   = time.Minute
	mostKeyPeriod    = 24 * time.Hour
)

func (k KeyPlace) none() bool { return k == KeyPlace{} }

// remote tells whether a key service is asked.
func (s Sealing) remote() bool {
	return s.KeyURL != "" || slices.ContainsFunc(s.OldKeys, func(k KeyPlace) bool { return k.KeyURL != "" })
}

// validateFor checks one key of a store in dir.
func (k KeyPlace) validateFor(dir string) error {
	switch {
	case k.none():
		return errors.New("key_file: missing; name the file with the key-encryption key, the same for every worker, or in key_env the environment variable that holds it, or in key_url the key of a key service")
	case k.KeyURL != "" && k.KeyFile+k.KeyEnv != "":
		return errors.New("key_url: key_file or key_env is given too; keep one of them, and put the one it replaces below old_keys")
	case k.KeyURL != "":
		return nil
	}
	return store.Options{Path: dir, KeyFile: k.KeyFile, KeyEnv: k.KeyEnv}.Validate()
}

func (s Sealing) validateFor(dir string) error {
	var errs []error
	if s.KeyPeriod != 0 && (s.KeyPeriod < leastKeyPeriod || s.KeyPeriod > mostKeyPeriod) {
		errs = append(errs, fmt.Errorf("key_period: %s is not between %s and %s", s.KeyPeriod, leastKeyPeriod, mostKeyPeriod))
	}
	return errors.Join(append(errs, s.KeyPlace.validateFor(dir))...)
}

// keeper holds the key, and the older ones with it.
func (s Sealing) keeper(more []Kinds) (store.Keeper, error) {
	period := cmp.Or(s.KeyPeriod, defaultKeyPeriod)
	now, err := s.KeyPlace.keeper(period, more)
	if err != nil {
		return nil, err
	}
	var old []store.Keeper
	for i, k := range s.OldKeys {
		path := fmt.Sprintf("old_keys[%d]", i)
		err := k.validateFor("-")
		if err == nil {
			var o store.Keeper
			if o, err = k.keeper(period, more); err == nil {
				old = append(old, o)
				continue
			}
		}
		return nil, errors.Join(config.Under(path, err), store.NewRing(now, old...).Close())
	}
	return store.NewRing(now, old...), nil
}

func (k KeyPlace) keeper(period time.Duration, more []Kinds) (store.Keeper, error) {
	if k.KeyURL == "" {
		return store.LocalKeeper(k.KeyFile, k.KeyEnv)
	}
	u, err := url.Parse(k.KeyURL)
	if err != nil {
		return nil, errors.New("key_url: it is not a URL; docs/stores.md has those of key services")
	}
	all := KeyServices{}
	for _, m := range more {
		maps.Copy(all, m.Keys)
	}
	of, known := all[u.Scheme]
	if !known {
		return nil, fmt.Errorf("key_url: %q is no scheme of a key service; use %s", u.Scheme, strings.Join(slices.Sorted(maps.Keys(all)), ":// or ")+"://")
	}
	if u.User != nil || u.Fragment != "" {
		return nil, errors.New("key_url: it holds a user or a fragment; a secret goes into a file that the query names")
	}
	query := map[string]any{}
	for name, values := range u.Query() {
		if len(values) > 1 {
			return nil, fmt.Errorf("key_url: %s is given twice", name)
		}
		query[name] = values[0]
	}
	service, err := of(strings.TrimPrefix(u.Host+u.Path, "/"), query, "key_url")
	if err != nil {
		return nil, err
	}
	return store.NewRemote(service, period), nil
}
