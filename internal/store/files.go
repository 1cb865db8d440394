// Package store keeps what must outlive every process: issued versions with
// their keys, pending issuances, captures of targets, journals, claims and ACME
// accounts. Files is the store on a local directory; app opens it and hands it
// to activities (which declare the ports) and to the ACME adapter. It decides
// nothing, never deletes a version, key, capture or journal, and knows no
// certificate authority, target or workflow.
//
// Private keys and captures exist on disk only sealed. Every write is complete
// after a crash or absent: staged, synced, renamed into place, directory
// synced. What several processes might change at once is changed under a
// kernel lock, which the kernel releases when its holder dies.
//
// Errors carry a fault.Kind: Invalid (an argument), NotFound, Conflict,
// Configuration (damage, a wrong key-encryption key, a missing permission: a
// human must act), Unavailable (disk full, read-only or failing), Transient.
// They name files and certificates and never quote content.
package store

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"sync"

	"gocloud.dev/secrets"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

const (
	readmeFile   = "README"
	keyCheckFile = "key-check.sealed"
)

const readme = `This is a Neverlapse store. Look, and change nothing by hand.

key-check.sealed                  opens with the key-encryption key of this store and no other
certificates/NAME/
    live                          fingerprint of the proven version
    versions/FINGERPRINT/         one issued version: chain.pem, version.json, key.sealed
    issuances/FINGERPRINT.json    the pending issuance that replaces a version ("first": none before)
    keys/REFERENCE.sealed         private keys of issuances; the reference is the SHA-256 of the public key
    captures/DEPLOYMENT,TARGET.sealed   what a target had before a deployment
    revocations/FINGERPRINT.json  which version was revoked, when, by whom and why
    journal.jsonl                 what happened, one JSON object a line
claims/holders/NAME.json          the places a certificate holds; this file decides
claims/places/PLACE.json          who holds a place, as an index
delivery/unseen/ID.json           messages that did not arrive and that nobody has seen yet; seen/ has the others
delivery/broken/KIND,ADDRESS.json addresses that lead nowhere
delivery/channels/NAME.json       how each channel did lately
secrets/PURPOSE.sealed            random bytes by which we know our own signatures again
accounts/CA,EMAIL.json            ACME accounts; the key inside is sealed
hosts/HOST/                       all that the worker of a host may see; nothing else has to be shared with it
    given/                        versions for its targets, sealed so that its key alone opens them; written here
    kept/                         what the host writes: captures, sealed with its key, and what its targets are

.lock files are kernel locks and may stay; .staging holds unfinished writes.
A backup is a copy of this directory and, kept elsewhere, of the key-encryption key:
without it no key here can be opened again.
`

// Files is the store on a local directory. Any number of goroutines and of
// processes on one host may use the same directory.
type Files struct {
	dir    string
	root   *os.Root
	keeper *secrets.Keeper
	sealer sealer

	prepared sync.Map // room path -> struct{}: its directories exist and are synced
	turns    sync.Map // room path -> chan struct{}: one goroutine at a time asks for the kernel lock
}

// OpenFiles opens the store in dir, which must exist, and lays it out if it is
// empty. The keeper wraps data keys; Close closes it too. A keeper other than
// the one the store was made with is refused with fault.Configuration, and so is
// a dir that everybody may write to.
func OpenFiles(ctx context.Context, dir string, keeper *secrets.Keeper) (*Files, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fault.New(fault.Configuration, "store: %w", err)
	}
	s := &Files{dir: dir, root: root, keeper: keeper, sealer: sealer{keeper}}
	if err := s.begin(ctx); err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return s, nil
}

func (s *Files) begin(ctx context.Context) error {
	info, err := s.root.Stat(".")
	if err != nil {
		return s.failed(err)
	}
	if info.Mode().Perm()&0o002 != 0 {
		return fault.New(fault.Configuration, "store %s: everybody may write to it (mode %04o); run: chmod 700 %s", s.dir, info.Mode().Perm(), s.dir)
	}
	err = s.checkKey(ctx)
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	top := room{store: s, path: "."}
	return top.locked(ctx, func() error {
		if err := s.checkKey(ctx); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := top.write(readmeFile, []byte(readme)); err != nil {
			return err
		}
		blob, err := s.sealer.seal(ctx, object("key-check"), []byte("neverlapse"))
		if err != nil {
			return err
		}
		return top.write(keyCheckFile, blob)
	})
}

// checkKey reports a wrong key-encryption key at the door instead of at the
// first renewal months later.
func (s *Files) checkKey(ctx context.Context) error {
	blob, err := s.root.ReadFile(keyCheckFile)
	if err != nil {
		return s.failed(err)
	}
	if _, err := s.sealer.unseal(ctx, object("key-check"), blob); err != nil {
		return fault.New(fault.KindOf(err), "store %s: the key-encryption key is not the one this store was made with; give the right one, or restore it from your backup: %w", s.dir, err)
	}
	return nil
}

// Close gives back the directory and the keeper.
func (s *Files) Close() error {
	return errors.Join(s.root.Close(), s.keeper.Close())
}

// certificate is the room of one certificate. The name is checked here, before
// it becomes part of a path.
func (s *Files) certificate(name string) (room, error) {
	if err := cert.ValidateName(name); err != nil {
		return room{}, fault.New(fault.Invalid, "store: %w", err)
	}
	return room{
		store:   s,
		path:    path.Join("certificates", name),
		folders: []string{"versions", "issuances", "keys", "captures", "revocations"},
		logs:    []string{journalFile},
	}, nil
}

func validFingerprint(f cert.Fingerprint) error {
	if len(f) != 64 || !isHex(string(f)) {
		return fault.New(fault.Invalid, "store: a fingerprint is 64 lower-case hex digits, not %d bytes of something else", len(f))
	}
	return nil
}

func isHex(s string) bool {
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// damaged says that a stored object cannot be what was written.
func (s *Files) damaged(where string, err error) error {
	return fault.New(fault.Configuration, "store %s: %s is damaged; restore it from a backup: %w", s.dir, where, err)
}

var errMismatch = errors.New("the content does not belong at this place")
