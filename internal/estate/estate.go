// Package estate is what is out there, as the sources of the inventory saw it:
// one manifest of places for each source, the records of certificates that follow
// from all of them, what differs from what is enrolled, and what people decided
// about certificates that nobody enrolled (triage). It is pure; the store keeps
// its manifests, activities ask the sources and apply what is decided here, and
// the CLI and the page show its records.
package estate

import (
	"slices"
	"strings"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/scan/source"
)

// Bounds of what is kept.
const (
	MostPlaces = 100_000 // of one source
	keepGone   = 30 * 24 * time.Hour
	keepNames  = 50 // of one certificate
	keepFaults = 10 // of one place
	keepText   = 200
	keepQuote  = 1000
)

// Key names a certificate: its fingerprint or, where nobody gave the certificate
// itself away, its serial and issuer. Empty: none.
type Key string

const (
	serialKey   = "serial:" // begins a Key that is no fingerprint
	shortSerial = 20        // digits of a serial for people
)

// KeyOf names a version.
func KeyOf(v cert.Version) Key {
	switch {
	case v.Fingerprint != "":
		return Key(v.Fingerprint)
	case v.Serial == "":
		return ""
	}
	return Key(serialKey + v.Serial + "/" + v.Issuer)
}

// IssuanceOf names what a CA issued, by issuer and serial (RFC 5280, 4.1.2.2): the
// same for a certificate, for the precertificate that was logged before it was
// signed (RFC 6962, 3.1), and for what is known by its serial alone. Empty: the
// serial is too short to mean one certificate.
func IssuanceOf(v cert.Version) Key {
	if len(v.Serial) < minSerial {
		return ""
	}
	return KeyOf(cert.Version{Serial: short(v.Serial), Issuer: short(v.Issuer)})
}

// minSerial is how long a serial has to be, in hex digits, to mean one certificate:
// public CAs have 64 random bits in it (Baseline Requirements, 7.1), and zeros at
// its head are not written.
const minSerial = 12

// Fingerprint is the key as one; empty if it is none.
func (k Key) Fingerprint() cert.Fingerprint {
	if strings.HasPrefix(string(k), serialKey) {
		return ""
	}
	return cert.Fingerprint(k)
}

// Short is the key for people, who may give it back: the first digits of a
// fingerprint or a serial.
func (k Key) Short() string {
	if f := k.Fingerprint(); f != "" {
		return f.Short()
	}
	text, _, _ := strings.Cut(string(k), "/")
	return text[:min(len(text), len(serialKey)+shortSerial)]
}

// Fault is a finding as it is kept: the code says the rest.
type Fault struct {
	Code cert.FindingCode `json:"code"`
	What string           `json:"what"`
}

// Finding is it in full.
func (f Fault) Finding() cert.Finding { return cert.Find(f.Code, f.What) }

// Place is what is known of one place.
type Place struct {
	Name     string        `json:"place"`
	Host     string        `json:"host,omitempty"`
	Endpoint cert.Endpoint `json:"endpoint,omitzero"`
	Holds    Key           `json:"holds,omitempty"` // what was there when it was last seen
	Held     Key           `json:"held,omitempty"`  // what was there before that
	Faults   []Fault       `json:"faults,omitempty"`
	Trouble  string        `json:"trouble,omitempty"` // why nothing is known of it now

	RenewedBy   string `json:"renewedBy,omitempty"`
	Owner       string `json:"owner,omitempty"`
	Team        string `json:"team,omitempty"`
	Environment string `json:"environment,omitempty"`

	First time.Time `json:"first"`          // when it was first seen
	Since time.Time `json:"since,omitzero"` // when Holds was first seen there
	// Last is when it was last seen; zero: in the source's latest run.
	Last time.Time `json:"last,omitzero"`
	Gone time.Time `json:"gone,omitzero"` // a complete run did not find it any more

	Of   string `json:"of,omitempty"`   // the enrolled certificate that belongs there
	Told string `json:"told,omitempty"` // what that certificate was told last of the place

	// Issued: what it holds was issued, which says nothing of where it is in use.
	Issued bool `json:"issued,omitempty"`
	// Asked: it was compared with all that was ever issued here. Ours is the
	// certificate, enrolled or not, for which that was.
	Asked bool   `json:"asked,omitempty"`
	Ours  string `json:"ours,omitempty"`
}

// There reports whether the place is there and holds a certificate.
func (p Place) There() bool { return p.Holds != "" && p.Gone.IsZero() }

// Manifest is what one source saw, up to its last run that ended.
type Manifest struct {
	Source string `json:"source"`
	// Revision counts its changes; a store takes only the next.
	Revision int `json:"revision"`
	// Applied is the run that it was changed by last.
	Applied Run                  `json:"applied,omitzero"`
	Places  []Place              `json:"places"` // by Name
	Certs   map[Key]cert.Version `json:"certs"`  // each once
	// Resume is where the next run begins, to be told only what came since; nil: anew.
	Resume []byte `json:"resume,omitempty"`
}

// find gives the index of a place, or where it belongs.
func (m *Manifest) find(name string) (int, bool) {
	return slices.BinarySearchFunc(m.Places, name, func(p Place, name string) int { return strings.Compare(p.Name, name) })
}

// Run is how one run of a source went, or goes.
type Run struct {
	ID      string    `json:"id"`
	Started time.Time `json:"started"`
	Ended   time.Time `json:"ended,omitzero"`
	// Complete: every page came and no part failed.
	Complete bool             `json:"complete"`
	Pages    int              `json:"pages"`
	Seen     int              `json:"seen"`       // places with a certificate
	Unread   int              `json:"unreadable"` // of these, certificates that cannot be read
	Troubled int              `json:"troubled"`   // places of which nothing is known this time
	Changed  int              `json:"changed"`
	New      int              `json:"new"`  // places that were not known
	Gone     int              `json:"gone"` // places that are not there any more
	Failed   []source.Failure `json:"failed,omitempty"`
	Err      string           `json:"err,omitempty"` // why it ended early
}

// Standing is how a source stands.
type Standing struct {
	Source string `json:"source"`
	Kind   string `json:"kind"`
	Last   Run    `json:"last,omitzero"`
	// Completed is when a run was last complete.
	Completed time.Time `json:"completed,omitzero"`
	Places    int       `json:"places"` // that are known and not gone
	Certs     int       `json:"certificates"`
	// Stuck are places at which something else renews and does not get on; the
	// first MostStuck of them.
	Stuck     []Stuck `json:"stuck,omitempty"`
	StuckMore int     `json:"stuckMore,omitempty"`
}

// Stuck is a renewal that is not done here and does not get on.
type Stuck struct {
	Place string `json:"place"`
	What  string `json:"what"`
}

// MostStuck is how many a Standing names.
const MostStuck = 5

func short(text string) string {
	if len(text) <= keepText {
		return text
	}
	return strings.ToValidUTF8(text[:keepText], "") + "…"
}
