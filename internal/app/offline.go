package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/config"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/store"
)

// Offline is the store as it lies on the disk, read while neither a worker nor
// Temporal has to run. Nothing in it is changed.
type Offline struct{ files *store.Store }

// OpenOffline opens the store of a configuration, or the one in dir, with the key
// in keyFile; either may be empty. more are kinds of stores beside files.
func OpenOffline(ctx context.Context, c config.Config, dir, keyFile string, more ...Kinds) (*Offline, error) {
	if c.Store.Kind != filesKind && dir == "" {
		return openElsewhere(ctx, c, keyFile, more)
	}
	own, err := filesOptionsOf(c)
	if err != nil && dir == "" {
		return nil, err
	}
	sealing := own.Sealing
	if keyFile != "" {
		sealing.KeyPlace = KeyPlace{KeyFile: keyFile}
	}
	if sealing.none() {
		sealing.KeyFile = filepath.Join(c.Data, "store.key")
	}
	path := cmp.Or(dir, own.Path)
	if err := sealing.validateFor(path); err != nil {
		return nil, fault.New(fault.Configuration, "store: %w", err)
	}
	keeper, err := sealing.keeper(more)
	if err != nil {
		return nil, err
	}
	s, err := store.OpenFilesToRead(ctx, path, keeper)
	if err != nil {
		return nil, err
	}
	return &Offline{s}, nil
}

// openElsewhere opens a store that is no folder.
func openElsewhere(ctx context.Context, c config.Config, keyFile string, more []Kinds) (*Offline, error) {
	m, sealing, err := mediumOf(c, more)
	if err != nil {
		return nil, err
	}
	if keyFile != "" {
		sealing.KeyPlace = KeyPlace{KeyFile: keyFile}
	}
	keeper, err := sealing.keeper(more)
	if err != nil {
		return nil, errors.Join(err, m.Close())
	}
	s := store.On(m, keeper)
	if err := s.BeginToRead(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return &Offline{s}, nil
}

// Close gives the store back.
func (o *Offline) Close() error { return o.files.Close() }

// Kept is what the store has of one certificate.
type Kept struct {
	Name     string
	Live     cert.Fingerprint // empty: none was proven
	Versions []cert.Version   // newest first
}

// List tells what the store has. Of what is damaged the error tells.
func (o *Offline) List(ctx context.Context) ([]Kept, error) {
	names, err := o.files.Names(ctx)
	var out []Kept
	for _, name := range names {
		k, wrong := o.Kept(ctx, name)
		err = errors.Join(err, wrong)
		if len(k.Versions) > 0 {
			out = append(out, k)
		}
	}
	return out, err
}

// Kept tells what the store has of one certificate.
func (o *Offline) Kept(ctx context.Context, name string) (k Kept, err error) {
	k.Name = name
	k.Versions, err = o.files.Versions(ctx, name)
	live, liveErr := o.files.Live(ctx, name)
	k.Live = live
	return k, errors.Join(err, liveErr)
}

// Take gives a version and its pair: the one whose fingerprint begins so, else
// the live one, else the newest.
func (o *Offline) Take(ctx context.Context, name, digits string) (v cert.Version, pair cert.Pair, err error) {
	k, err := o.Kept(ctx, name)
	if len(k.Versions) == 0 {
		return v, pair, cmp.Or(err, fault.New(fault.NotFound, "the store has no version of %s; see what it has: neverlapse store list", name))
	}
	wanted := cmp.Or(strings.ToLower(strings.ReplaceAll(digits, ":", "")), string(k.Live), string(k.Versions[0].Fingerprint))
	var found []cert.Version
	var all []string
	for _, v := range k.Versions {
		all = append(all, fmt.Sprintf("%s, valid until %s", v.Fingerprint.Short(), v.NotAfter.UTC().Format("2006-01-02 15:04 UTC")))
		if strings.HasPrefix(string(v.Fingerprint), wanted) {
			found = append(found, v)
		}
	}
	if len(found) != 1 {
		return v, pair, fault.New(fault.NotFound, "%d versions of %s begin with %s; the store has:\n%s", len(found), name, wanted, strings.Join(all, "\n"))
	}
	pair, err = o.files.Pair(ctx, name, found[0].Fingerprint)
	return found[0], pair, err
}

// Revoked tells whether a version is marked as revoked.
func (o *Offline) Revoked(ctx context.Context, name string, f cert.Fingerprint) bool {
	_, err := o.files.Revocation(ctx, name, f)
	return err == nil
}
