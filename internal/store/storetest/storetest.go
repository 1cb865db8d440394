// Package storetest is the contract of a store: what every adapter that keeps
// versions, issuances, captures, journals, claims and accounts must do. Tests
// of adapters call Run; tests of whole systems borrow NewPair and FindKey. It
// tests no adapter's layout and kills no process: an adapter's own tests do.
package storetest

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/delivery"
	"github.com/neverlapse/neverlapse/internal/estate"
	"github.com/neverlapse/neverlapse/internal/fault"
)

// Store is everything that is asked of a store. The activities package declares
// all of it but accounts as ports, and documents it there.
type Store interface {
	PutVersion(ctx context.Context, name, ca string, pair cert.Pair) (cert.Version, error)
	Pair(ctx context.Context, name string, f cert.Fingerprint) (cert.Pair, error)
	Versions(ctx context.Context, name string) ([]cert.Version, error)
	Live(ctx context.Context, name string) (cert.Fingerprint, error)
	SetLive(ctx context.Context, name string, f, expect cert.Fingerprint) error
	PutRevocation(ctx context.Context, name string, r cert.Revocation) error
	Revocation(ctx context.Context, name string, f cert.Fingerprint) (cert.Revocation, error)

	Issuance(ctx context.Context, name string, replaces cert.Fingerprint) (cert.Issuance, error)
	PutIssuance(ctx context.Context, iss cert.Issuance) (cert.Issuance, error)
	PutKey(ctx context.Context, name string, key []byte) (ref string, err error)
	Key(ctx context.Context, name, ref string) ([]byte, error)

	RenewalInfo(ctx context.Context, name string) (cert.RenewalInfo, error)
	PutRenewalInfo(ctx context.Context, name string, info cert.RenewalInfo) error

	PutCapture(ctx context.Context, name, deployment, target string, data []byte) error
	Capture(ctx context.Context, name, deployment, target string) ([]byte, error)

	Append(ctx context.Context, name string, entries []cert.Entry) error
	Entries(ctx context.Context, name string) ([]cert.Entry, error)

	Snapshot(ctx context.Context, name string) (cert.Snapshot, error)
	PutSnapshot(ctx context.Context, name string, n cert.Snapshot) error
	Has(ctx context.Context, name string, f cert.Fingerprint) (version, snapshot bool, err error)

	Claim(ctx context.Context, name string, identities []string) error

	PutUndelivered(ctx context.Context, letters []delivery.Undelivered) error
	Undelivered(ctx context.Context, all bool) ([]delivery.Undelivered, error)
	MarkSeen(ctx context.Context, ids []string, seen delivery.Seen) error
	PutBroken(ctx context.Context, b delivery.Broken) (news bool, err error)
	Broken(ctx context.Context) ([]delivery.Broken, error)
	Mend(ctx context.Context, kind, address string) (was bool, err error)
	NoteOutcome(ctx context.Context, o delivery.Outcome) (before delivery.Standing, err error)
	Standings(ctx context.Context) ([]delivery.Standing, error)

	Manifest(ctx context.Context, source string) (estate.Manifest, error)
	PutManifest(ctx context.Context, m estate.Manifest) error
	BeginRun(ctx context.Context, source string, run estate.Run) (estate.Run, []estate.Step, error)
	AddStep(ctx context.Context, source, run string, step estate.Step) error
	EndRun(ctx context.Context, st estate.Standing) error
	SourceStanding(ctx context.Context, source string) (estate.Standing, error)
	Triage(ctx context.Context) (estate.Triage, error)
	PutTriage(ctx context.Context, t estate.Triage) error

	Secret(ctx context.Context, purpose string) ([]byte, error)

	Account(ctx context.Context, ca, email string) (cert.Account, error)
	PutAccount(ctx context.Context, account cert.Account) error
}

// Backend is one empty place to keep things, under test.
type Backend struct {
	// Open opens the store there, closed again when the test ends. Each call is
	// what another process would do: nothing is shared but the place.
	Open func(t *testing.T) Store
	// OpenOther tries to open it with another key-encryption key.
	OpenOther func(t *testing.T) error
	// AtRest gives every byte that is kept there.
	AtRest func(t *testing.T) []byte
}

// Run holds a store to the contract. fresh makes an empty place each time.
func Run(t *testing.T, fresh func(t *testing.T) Backend) {
	for _, c := range []struct {
		sentence string
		test     func(t *testing.T, b Backend)
	}{
		{"everything is there after reopening", everythingSurvives},
		{"a version stored again changes nothing", versionStoredAgain},
		{"a pair that does not match is refused", mismatchRefused},
		{"a version whose key stays on its host is kept without", keyElsewhere},
		{"versions are listed newest first", newestFirst},
		{"what does not exist is not found", notFound},
		{"names that could leave the store are refused", hostileNames},
		{"live moves only from what was expected", liveMoves},
		{"of many who set live one wins", liveRace},
		{"a revocation is marked once and stays", revocations},
		{"an issuance is written once per revision", issuanceRevisions},
		{"no write of an issuance is lost among many writers", issuanceRace},
		{"the latest advice of the CA counts", renewalInfo},
		{"the first capture wins, of any bytes", captures},
		{"journal entries are kept once and in order", journalOnce},
		{"no journal entry is lost or doubled among many writers", journalRace},
		{"the snapshot that knows most stays", snapshots},
		{"places are claimed all or none", claims},
		{"of many who claim a place one wins", claimRace},
		{"a dead letter stays until somebody has seen it", deadLetters},
		{"no dead letter is lost or comes back among many writers", letterRace},
		{"a broken address is news once and can be mended", brokenAddresses},
		{"how a channel stands changes with what became of messages", standings},
		{"what a source saw is replaced by the next revision alone", manifests},
		{"the pages of a run stay until it ends", runs},
		{"of many who change the triage none is lost", triageRace},
		{"a secret is made once for everybody", secrets},
		{"the first key of an account wins", accounts},
		{"nothing secret is readable at rest", sealedAtRest},
		{"another key-encryption key is refused", otherKeyRefused},
		{"a cancelled call changes nothing", cancelled},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			t.Parallel()
			c.test(t, fresh(t))
		})
	}
}

// NewPair makes a key and a self-signed chain for name, valid for 90 days from notBefore.
func NewPair(name string, notBefore time.Time) (cert.Pair, crypto.Signer, error) {
	key, err := cert.GenerateKey(cert.EC256)
	if err != nil {
		return cert.Pair{}, nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return cert.Pair{}, nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: name},
		DNSNames:     []string{name},
		NotBefore:    notBefore,
		NotAfter:     notBefore.Add(90 * 24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return cert.Pair{}, nil, fmt.Errorf("sign: %w", err)
	}
	text, err := cert.EncodeKey(key)
	if err != nil {
		return cert.Pair{}, nil, err
	}
	return cert.Pair{Chain: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), Key: text}, key, nil
}

// AddName adds a name to the first issuance of a certificate by
// compare-and-swap, trying again for as long as others come first.
func AddName(ctx context.Context, s Store, certificate, name string) error {
	for {
		iss, err := s.Issuance(ctx, certificate, "")
		if fault.Is(err, fault.NotFound) {
			iss, err = cert.Issuance{Certificate: certificate}, nil
		}
		if err != nil {
			return err
		}
		iss.Names = append(iss.Names, name)
		if _, err = s.PutIssuance(ctx, iss); !fault.Is(err, fault.Conflict) {
			return err
		}
	}
}

var start = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

func newPair(t *testing.T, name string, notBefore time.Time) (cert.Pair, crypto.Signer) {
	t.Helper()
	pair, key, err := NewPair(name, notBefore)
	must(t, err)
	return pair, key
}

// put stores a new version and gives its fingerprint.
func put(t *testing.T, s Store, name string) cert.Fingerprint {
	t.Helper()
	pair, _ := newPair(t, name, start)
	v, err := s.PutVersion(t.Context(), name, "ca", pair)
	must(t, err)
	return v.Fingerprint
}

func newKey(t *testing.T) (crypto.Signer, []byte) {
	t.Helper()
	key, err := cert.GenerateKey(cert.EC256)
	must(t, err)
	text, err := cert.EncodeKey(key)
	must(t, err)
	return key, text
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantKind(t *testing.T, what string, err error, kind fault.Kind) {
	t.Helper()
	if got := fault.KindOf(err); got != kind {
		t.Errorf("%s: kind %q, want %q (error: %v)", what, got, kind, err)
	}
}
