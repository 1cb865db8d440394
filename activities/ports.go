// Package activities is the hands of the workflows: each activity has one
// effect and can be repeated. It declares the ports (small interfaces) through
// which effects happen; adapters under internal/ implement them and app plugs
// them in. It decides nothing and never imports an adapter.
package activities

import (
	"context"
	"crypto"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/budget"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/delivery"
	"github.com/neverlapse/neverlapse/internal/estate"
)

// CA issues certificates in three steps; each can be repeated after a crash,
// by another process, with nothing but the order's URL. Errors carry a
// fault.Kind: Unavailable (with the CA's date), Validation, Configuration,
// Transient, NotFound (the order is gone or invalid: open another).
type CA interface {
	// Order opens an order, or returns the URL of order.URL's if that one can still
	// be used. Conflict: order.Replaces may be to blame; without it the order may be taken.
	Order(ctx context.Context, order cert.Order) (url string, err error)
	// Authorize answers every pending challenge and waits until the CA has
	// validated them; it cleans up always. progress is called at least every few
	// seconds. order.URL is that of the order.
	Authorize(ctx context.Context, order cert.Order, progress func(string)) error
	// Finalize looks at the order first, finalizes it only if it is ready, and
	// downloads the chain (PEM, leaf first).
	Finalize(ctx context.Context, url string, csr []byte, progress func(string)) (chain []byte, err error)
}

// Settler is the optional ability of a CA to end an order that is to be given up.
type Settler interface {
	// Settle gives the chain if the order led to a certificate, NotFound once it
	// never will. Whatever else fails says that nobody knows yet.
	Settle(ctx context.Context, url string, csr []byte, progress func(string)) (chain []byte, err error)
}

// Screener is the optional ability of a CA to refuse at the door what it could
// never issue: names that the way of proving them cannot prove, a kind of key
// that its policy excludes.
type Screener interface {
	// Screen gives the order back with what it left to the CA; it asks nobody.
	Screen(order cert.Order) (cert.Order, error)
}

// Checker is the optional ability of a CA to tell about itself.
type Checker interface {
	// Describe tells what is configured; it asks nobody.
	Describe() cert.Authority
	// Check asks the CA for its directory and for our account, which is made if
	// there is none. Trouble is in the result (Err).
	Check(ctx context.Context) cert.Authority
}

// Supplied is the mark of a CA that knows no ACME: people order there and bring
// what it issued.
type Supplied interface {
	// Complete tells why clients could not follow a chain (PEM), nil if they can.
	Complete(chain []byte) error
}

// CertIDer is the optional ability of a CA that supports ARI: the certificate
// ID (RFC 9773, 4.1) to send as replaces, empty when it did not issue the leaf.
type CertIDer interface {
	CertID(chain []byte) (string, error)
}

// RenewalInformer is the optional ability of a CA that suggests when to renew
// (ARI, RFC 9773).
type RenewalInformer interface {
	// RenewalInfo gives the window of the chain's leaf, and how long the CA wants
	// to be left alone; zero if it does not say. NotFound: it suggests nothing.
	// Invalid: its answer makes no sense.
	RenewalInfo(ctx context.Context, chain []byte) (cert.Window, time.Duration, error)
}

// Governed is the optional ability of a CA that limits what it is asked for.
type Governed interface {
	// Account names the account whose budget it is.
	Account() string
	// Limits lists what an order for the names counts against; none if the CA limits nothing.
	Limits(names []string) []cert.Limit
	// ExemptsARI reports whether an order that replaces a version inside its
	// window counts against nothing.
	ExemptsARI() bool
}

// Prober is the optional ability of a CA to tell cheaply whether it is there.
type Prober interface {
	Probe(ctx context.Context) error
}

// Broker reaches the workflow that keeps the budget of a CA's account, and
// starts it where there is none; app implements it. Both can be repeated.
type Broker interface {
	Ask(ctx context.Context, ca, account string, r budget.Request) (budget.Grant, error)
	Report(ctx context.Context, ca, account string, r Report) error
}

// Fleet lists what is enrolled, from the engine's index; app implements it.
type Fleet interface {
	// Managed gives a page of the managed certificates that have a version, and
	// the token of the next page; none after the last.
	Managed(ctx context.Context, token []byte) (page []Member, next []byte, err error)
}

// Member is a managed certificate as the index knows it.
type Member struct {
	Name   string
	Live   cert.Version
	Window *cert.Window // that it was told of for Live
}

// Revoker is the optional ability of a CA to end a certificate before its time.
type Revoker interface {
	// Revoke tells the CA. key (PEM) is the certificate's own where holding it
	// shall be proven, else nil. A certificate that is revoked already is no error.
	Revoke(ctx context.Context, chain []byte, key []byte, reason cert.RevocationReason) error
}

// Versions keeps issued pairs: immutable, addressed by fingerprint.
type Versions interface {
	// PutVersion stores a pair; storing it again changes nothing.
	PutVersion(ctx context.Context, name, ca string, pair cert.Pair) (cert.Version, error)
	// Pair gives chain and key of a version; fault.NotFound if there is none.
	Pair(ctx context.Context, name string, f cert.Fingerprint) (cert.Pair, error)
	// Versions lists what was stored for a certificate, newest NotBefore first.
	Versions(ctx context.Context, name string) ([]cert.Version, error)
	// Live gives the proven version; empty if none.
	Live(ctx context.Context, name string) (cert.Fingerprint, error)
	// SetLive moves it if it still is expect; fault.Conflict otherwise; setting
	// what it already is succeeds.
	SetLive(ctx context.Context, name string, f, expect cert.Fingerprint) error
	// PutRevocation marks a version as revoked; the first mark stays.
	PutRevocation(ctx context.Context, name string, r cert.Revocation) error
	// Revocation gives the mark; fault.NotFound if the version is not revoked.
	Revocation(ctx context.Context, name string, f cert.Fingerprint) (cert.Revocation, error)
}

// Issuances keeps the pending issuance of each replacement, and its key.
type Issuances interface {
	// Issuance gives the record; fault.NotFound if there is none.
	Issuance(ctx context.Context, name string, replaces cert.Fingerprint) (cert.Issuance, error)
	// PutIssuance writes the record if its Revision is the stored one (0: new)
	// and returns it with the next; fault.Conflict otherwise.
	PutIssuance(ctx context.Context, iss cert.Issuance) (cert.Issuance, error)
	// PutKey seals a private key (PKCS#8 PEM) and gives its reference.
	PutKey(ctx context.Context, name string, key []byte) (ref string, err error)
	// Key opens it again.
	Key(ctx context.Context, name, ref string) ([]byte, error)
}

// Advice keeps what the CA last said about when to renew.
type Advice interface {
	// RenewalInfo gives it; fault.NotFound if there is none.
	RenewalInfo(ctx context.Context, name string) (cert.RenewalInfo, error)
	// PutRenewalInfo replaces it.
	PutRenewalInfo(ctx context.Context, name string, info cert.RenewalInfo) error
}

// Captures keeps what a target had before a deployment, sealed: it may hold keys.
type Captures interface {
	// PutCapture keeps data; the first for (name, deployment, target) wins.
	PutCapture(ctx context.Context, name, deployment, target string, data []byte) error
	// Capture gives it back; fault.NotFound if there is none.
	Capture(ctx context.Context, name, deployment, target string) ([]byte, error)
}

// Journal keeps what happened to a certificate, for years.
type Journal interface {
	// Append adds entries; one whose (name, Sequence) is there already is left alone.
	Append(ctx context.Context, name string, entries []cert.Entry) error
	// Entries gives them in the order of their Sequence.
	Entries(ctx context.Context, name string) ([]cert.Entry, error)
	// Names lists the certificates of which the store keeps anything, in order.
	Names(ctx context.Context) ([]string, error)
}

// Snapshots keeps what is needed to begin the workflow of a certificate again
// should the engine lose it.
type Snapshots interface {
	// Snapshot gives it; fault.NotFound if nothing was kept.
	Snapshot(ctx context.Context, name string) (cert.Snapshot, error)
	// PutSnapshot replaces it, unless the stored one knows of more journal entries.
	PutSnapshot(ctx context.Context, name string, n cert.Snapshot) error
	// Has reports whether a version is there, and whether a snapshot is.
	Has(ctx context.Context, name string, f cert.Fingerprint) (version, snapshot bool, err error)
}

// Deliveries keeps what became of messages that did not arrive, the addresses
// that lead nowhere, and how each channel did lately.
type Deliveries interface {
	// PutUndelivered keeps dead letters; those that are there already are left alone.
	PutUndelivered(ctx context.Context, letters []delivery.Undelivered) error
	// Undelivered lists those that nobody has seen, newest first; with all, every one.
	Undelivered(ctx context.Context, all bool) ([]delivery.Undelivered, error)
	// MarkSeen says who has seen them; fault.NotFound if one is not known.
	MarkSeen(ctx context.Context, ids []string, seen delivery.Seen) error
	// PutBroken keeps that an address leads nowhere, and tells whether that is news.
	PutBroken(ctx context.Context, b delivery.Broken) (news bool, err error)
	// Broken lists the addresses that lead nowhere.
	Broken(ctx context.Context) ([]delivery.Broken, error)
	// Mend forgets that an address is broken, and tells whether it was.
	Mend(ctx context.Context, kind, address string) (was bool, err error)
	// NoteOutcome keeps how a channel did, and gives how it stood before.
	NoteOutcome(ctx context.Context, o delivery.Outcome) (before delivery.Standing, err error)
	// Standings lists how every channel stands that was ever used.
	Standings(ctx context.Context) ([]delivery.Standing, error)
}

// Sightings keeps what the sources of the inventory saw, and what was decided
// about certificates that nobody enrolled.
type Sightings interface {
	// Manifest gives what a source saw; an empty one if it never ran.
	Manifest(ctx context.Context, source string) (estate.Manifest, error)
	// PutManifest replaces it if its Revision is the next; fault.Conflict otherwise.
	PutManifest(ctx context.Context, m estate.Manifest) error
	// BeginRun begins a run in place of any other, or gives one of that ID which has
	// begun already as it began, with its steps in order.
	BeginRun(ctx context.Context, source string, run estate.Run) (estate.Run, []estate.Step, error)
	// AddStep keeps a page of a run; one of the same page is replaced, with those
	// after it. fault.Conflict: the run has ended, or another one has begun.
	AddStep(ctx context.Context, source, run string, step estate.Step) error
	// EndRun keeps how a source stands after a run, and drops the steps of that run.
	EndRun(ctx context.Context, st estate.Standing) error
	// SourceStanding gives it; the zero standing if the source never ran.
	SourceStanding(ctx context.Context, source string) (estate.Standing, error)
	// Triage gives what was decided; nothing if nobody did.
	Triage(ctx context.Context) (estate.Triage, error)
	// PutTriage replaces it if its Revision is the next; fault.Conflict otherwise.
	PutTriage(ctx context.Context, t estate.Triage) error
}

// Switchboard reaches the workflow that looks after a channel, and starts it
// where there is none; app implements it. It can be repeated.
type Switchboard interface {
	Report(ctx context.Context, channel string, n ChannelNews) error
}

// Claims keeps which certificate owns which place.
type Claims interface {
	// Claim takes all identities for name or none; fault.Conflict names the
	// identity and its holder. Claiming again what name holds succeeds;
	// identities that name held and are not listed any more are released.
	Claim(ctx context.Context, name string, identities []string) error
}

// Target is a place that receives a version. It has no undo verb of its own:
// restoring is putting back what Capture took.
type Target interface {
	// Identity names what the target writes (kind, host, resolved paths), for Claims.
	Identity() []string
	// Capture takes what is there now, byte for byte with owner and mode, in
	// a form that Restore understands. An empty place is a valid capture.
	Capture(ctx context.Context) ([]byte, error)
	// Preflight runs the server's own check before anything is changed; a
	// configuration that is already broken is a fault.Configuration that says so.
	Preflight(ctx context.Context) error
	// Install writes the pair, runs the server's check and reloads it. If the
	// check fails before the reload, before (a Capture) is put back at once and
	// the error is a fault.Configuration with the check's exact text. A target
	// out of reach is fault.Unavailable.
	Install(ctx context.Context, pair cert.Pair, before []byte) error
	// Restore puts back what Capture took, checks and reloads.
	Restore(ctx context.Context, before []byte) error
	// Installed reads back the leaf that is there; fault.NotFound if there is none.
	Installed(ctx context.Context) (cert.Version, error)
	// CapturedVersion reads the leaf out of a capture; fault.NotFound if it holds none.
	CapturedVersion(before []byte) (cert.Version, error)
}

// Irreversible is the mark of a Target that cannot read back what it has: its
// captures hold no key, and Restore succeeds only where nothing has changed.
type Irreversible interface {
	// Irreversible tells why, for humans.
	Irreversible() string
}

// KeyKeeper is the optional ability of a target to take the chain alone, for a
// private key that was made on its host and stays there.
type KeyKeeper interface {
	// KeepsKey reports whether it is set up so: then it takes versions without a
	// key and no others.
	KeepsKey() bool
	// HasKey is nil if the private key of a public one is there;
	// fault.Configuration that says what is there instead.
	HasKey(ctx context.Context, public crypto.PublicKey) error
}

// Describer is the optional ability of a Target to tell what Install would do.
type Describer interface {
	Steps(ctx context.Context) (cert.Steps, error)
}

// Scanner looks at what is served.
type Scanner interface {
	// Observe makes a fresh handshake with every address behind the endpoint.
	// Trouble is in the observations (Err, Problems), never an error.
	Observe(ctx context.Context, e cert.Endpoint, names []string) []cert.Observation
}

// Channel reaches a human. Errors carry a fault.Kind: Transient and Unavailable
// are retried, Configuration and Invalid make the next kind of channel the way.
type Channel interface {
	// Send delivers the message; retry tells that an earlier try may have been
	// accepted, so a channel that can look does.
	Send(ctx context.Context, m alert.Message, retry bool) (alert.Receipt, error)
}

// Updater is the optional ability to change a sent message in place, and to
// tell its thread when the alert is resolved.
type Updater interface {
	Update(ctx context.Context, r alert.Receipt, m alert.Message) error
}

// Clock gives the time; the real one outside tests.
type Clock func() time.Time
