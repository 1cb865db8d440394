// Package store keeps what must outlive every process: issued versions with
// their keys, pending issuances, captures of targets, journals, claims and ACME
// accounts. What it keeps lies on a Medium: a local directory, which is here, or
// one of the packages below. app opens it and hands it to activities (which
// declare the ports) and to the ACME adapter. It decides nothing, never deletes a version, key, capture or journal, and knows no
// certificate authority, target or workflow.
//
// Private keys and captures leave it only sealed. Every write is complete after
// a crash or absent; on a directory: staged, synced, renamed into place, directory
// synced. What several processes might change at once is changed under a lock of
// the medium, which is given back when its holder dies.
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
	"path"

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
    snapshot.json                 what was asked for and where it stood, to begin it again should Temporal lose it
claims/holders/NAME.json          the places a certificate holds; this file decides
claims/places/PLACE.json          who holds a place, as an index
delivery/unseen/ID.json           messages that did not arrive and that nobody has seen yet; seen/ has the others
delivery/broken/KIND,ADDRESS.json addresses that lead nowhere
delivery/channels/NAME.json       how each channel did lately
inventory/source/NAME/manifest.json   the places that a source saw, and what is there; run.json and steps/ are the run that goes on,
                                  standing.json how the last one went
inventory/triage.json             what people decided about certificates that nobody enrolled
secrets/PURPOSE.sealed            random bytes by which we know our own signatures again
accounts/CA,EMAIL.json            ACME accounts; the key inside is sealed
beat/at                           when a worker last tried whether it can write here
hosts/HOST/                       all that the worker of a host may see; nothing else has to be shared with it
    given/                        versions for its targets, sealed so that its key alone opens them; written here
    kept/                         what the host writes: captures, sealed with its key, and what its targets are

In a directory, .lock files are kernel locks and may stay; .staging holds unfinished writes.
A backup is a copy of all this and, kept elsewhere, of the key-encryption key:
without it no key here can be opened again.
`

// Store keeps everything on one medium. Any number of goroutines and of
// processes may use the same one.
type Store struct {
	medium Medium
	shared Medium // with hosts
	keeper Keeper
	sealer sealer
}

// OpenFiles opens the store on a directory, which must exist; see Open.
func OpenFiles(ctx context.Context, dir string, keeper Keeper) (*Store, error) {
	m, err := openFolder(dir)
	if err != nil {
		return nil, err
	}
	return Open(ctx, m, keeper)
}

// Open is On and Begin. If it fails it closes both.
func Open(ctx context.Context, m Medium, keeper Keeper) (*Store, error) {
	s := On(m, keeper)
	if err := s.Begin(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// On is the store on a medium; nobody is asked yet. The keeper wraps data keys.
// Close closes both.
func On(m Medium, keeper Keeper) *Store {
	return &Store{medium: m, shared: m, keeper: keeper, sealer: sealer{keeper}}
}

// ShareBelow has what is shared with hosts lie in a directory, which must exist,
// instead of on the medium.
func (s *Store) ShareBelow(dir string) error {
	m, err := openFolder(dir)
	if err == nil {
		s.shared = m
	}
	return err
}

// String says where it is, for messages.
func (s *Store) String() string { return s.medium.String() }

// Begin prepares the medium and lays the store out if it is empty. A keeper other
// than the one the store was made with is refused with fault.Configuration. Where
// the key service cannot be asked now (KeyIsAway) a store that is there may be used
// all the same: nothing is sealed before the keeper has shown that it is the right one.
func (s *Store) Begin(ctx context.Context) error {
	if err := s.medium.Prepare(ctx); err != nil {
		return err
	}
	if err := s.unfinished(ctx); err != nil {
		return err
	}
	top := s.room(".")
	err := s.checkKey(ctx, top)
	if KeyIsAway(err) {
		s.sealer.keeper = &unproven{wrapper: s.keeper, prove: func(ctx context.Context) error { return s.checkKey(ctx, top) }}
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return top.locked(ctx, func(top room) error {
		if err := s.checkKey(ctx, top); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := top.write(ctx, readmeFile, []byte(readme)); err != nil {
			return err
		}
		blob, err := s.sealer.seal(ctx, object("key-check"), []byte("neverlapse"))
		if err != nil {
			return fault.New(fault.KindOf(err), "store %s: it is empty, and the first thing in it cannot be sealed: %v", s.medium, err)
		}
		return top.write(ctx, keyCheckFile, blob)
	})
}

// BeginToRead is Begin for whoever writes nothing: a medium on which there is no
// store yet is fault.Configuration. Without its key service only what is sealed
// cannot be read.
func (s *Store) BeginToRead(ctx context.Context) error {
	if err := s.unfinished(ctx); err != nil {
		return err
	}
	err := s.checkKey(ctx, s.room("."))
	if KeyIsAway(err) {
		return nil
	}
	if errors.Is(err, fs.ErrNotExist) {
		return fault.New(fault.Configuration, "store %s: there is no store here; name the place that holds %s", s.medium, keyCheckFile)
	}
	return err
}

// checkKey reports a wrong key-encryption key at the door instead of at the
// first renewal months later.
func (s *Store) checkKey(ctx context.Context, top room) error {
	blob, err := top.read(ctx, keyCheckFile)
	if err != nil {
		return err
	}
	_, err = s.sealer.unseal(ctx, object("key-check"), blob)
	if KeyIsAway(err) {
		return fault.New(fault.KindOf(err), "store %s: %w", s.medium, err)
	}
	if err != nil {
		return fault.New(fault.KindOf(err), "store %s: the key-encryption key is not the one this store was made with; give the right one, or restore it from your backup: %w", s.medium, err)
	}
	return nil
}

// Close gives back the media and the keeper.
func (s *Store) Close() error {
	err := errors.Join(s.medium.Close(), s.keeper.Close())
	if s.shared != s.medium {
		err = errors.Join(err, s.shared.Close())
	}
	return err
}

// certificate is the room of one certificate. The name is checked here, before
// it becomes part of a path.
func (s *Store) certificate(name string) (room, error) {
	if err := cert.ValidateName(name); err != nil {
		return room{}, fault.New(fault.Invalid, "store: %w", err)
	}
	return enter(s.medium, Room{
		Path:    path.Join("certificates", name),
		Folders: []string{"versions", "issuances", "keys", "captures", "revocations"},
		Log:     LogName,
	}), nil
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
func (s *Store) damaged(where string, err error) error { return damaged(s.medium, where, err) }

func damaged(m Medium, where string, err error) error {
	return fault.New(fault.Configuration, "store %s: %s is damaged; restore it from a backup: %w", m, where, err)
}

var errMismatch = errors.New("the content does not belong at this place")
