// Package cert says what a certificate is: an issued Version and its Pair, the
// names it covers, the window in which it counts, and what a scanner observed.
// It is pure: no files, no network, no clock. Everything else imports it.
package cert

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"slices"
	"strings"
	"time"
)

// Fingerprint is the SHA-256 of a leaf's DER, in lower-case hex. Empty: none.
type Fingerprint string

// FingerprintOf gives the fingerprint of a leaf.
func FingerprintOf(leaf *x509.Certificate) Fingerprint {
	return Fingerprint(sumOf(leaf.Raw))
}

// FingerprintOfDER gives the fingerprint of a leaf that could not be parsed.
func FingerprintOfDER(der []byte) Fingerprint { return Fingerprint(sumOf(der)) }

func sumOf(der []byte) string {
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:])
}

// Short is the first twelve hex digits, for humans and workflow IDs.
func (f Fingerprint) Short() string {
	if len(f) > 12 {
		return string(f[:12])
	}
	return string(f)
}

// Version is one issued chain: immutable, without key material.
type Version struct {
	Fingerprint  Fingerprint `json:"fingerprint"`
	Serial       string      `json:"serial"` // hex, lower case
	Issuer       string      `json:"issuer"` // common name, or the whole distinguished name
	NotBefore    time.Time   `json:"notBefore"`
	NotAfter     time.Time   `json:"notAfter"`
	Names        []string    `json:"names"` // DNS names and IP addresses, sorted
	KeyAlgorithm string      `json:"keyAlgorithm"`
	CA           string      `json:"ca,omitempty"` // the configured CA that issued it; empty if not ours
	// KeptKey is the reference of a key that stays on its host; empty where the store has it.
	KeptKey string `json:"keptKey,omitempty"`
}

// VersionOf reads a version off a leaf.
func VersionOf(leaf *x509.Certificate) Version {
	return Version{
		Fingerprint:  FingerprintOf(leaf),
		Serial:       leaf.SerialNumber.Text(16),
		Issuer:       issuerName(leaf),
		NotBefore:    leaf.NotBefore.UTC(),
		NotAfter:     leaf.NotAfter.UTC(),
		Names:        namesOf(leaf),
		KeyAlgorithm: KeyAlgorithmOf(leaf),
	}
}

func issuerName(leaf *x509.Certificate) string {
	if leaf.Issuer.CommonName != "" {
		return leaf.Issuer.CommonName
	}
	return leaf.Issuer.String()
}

// Lifetime is NotAfter - NotBefore.
func (v Version) Lifetime() time.Duration { return v.NotAfter.Sub(v.NotBefore) }

// ValidAt reports whether now lies inside [NotBefore, NotAfter).
func (v Version) ValidAt(now time.Time) bool {
	return !now.Before(v.NotBefore) && now.Before(v.NotAfter)
}

// Window is a span of time, Start inclusive.
type Window struct {
	Start time.Time `json:"start"`
	End   time.Time `json:"end"`
	// Explanation is the URL of a page on which the CA says why (RFC 9773, 4.2); it may be empty.
	Explanation string `json:"explanation,omitempty"`
}

// Equal reports whether two windows say the same.
func (w Window) Equal(other Window) bool {
	return w.Start.Equal(other.Start) && w.End.Equal(other.End) && w.Explanation == other.Explanation
}

// Observation is what a scanner saw at one address of one endpoint, or read
// back from one target. Either Err is set or the version is.
type Observation struct {
	Endpoint Endpoint  `json:"endpoint,omitzero"`
	Target   string    `json:"target,omitempty"`  // read back from this target; empty for a handshake
	Host     string    `json:"host,omitempty"`    // where the target lives; empty: at the worker of the certificate
	Place    string    `json:"place,omitempty"`   // that a source of the inventory saw and nobody named: "file:web2:/etc/ssl/a.pem"
	Address  string    `json:"address,omitempty"` // ip:port that was dialled
	At       time.Time `json:"at"`
	Version  Version   `json:"version,omitzero"`
	Problems []string  `json:"problems,omitempty"` // chain or name trouble in plain words
	Err      string    `json:"err,omitempty"`      // why nothing could be read
	Linked   int       `json:"-"`                  // certificates that were sent after the leaf, as Linked counts them
}

// Seen reports whether a certificate was read.
func (o Observation) Seen() bool { return o.Err == "" && o.Version.Fingerprint != "" }

// keepNames and keepText bound what is kept of a place: a stranger's leaf may
// bear thousands of names.
const (
	keepNames = 100
	keepText  = 500
)

// Brief is the observation as it is kept: of very many names, those that cover
// the wanted ones and the first few.
func (o Observation) Brief(want []string) Observation {
	o.Err = short(o.Err)
	o.Problems = slices.Clone(o.Problems[:min(len(o.Problems), 10)])
	for i, p := range o.Problems {
		o.Problems[i] = short(p)
	}
	if len(o.Version.Names) <= keepNames {
		return o
	}
	kept := slices.Clone(o.Version.Names[:keepNames])
	for _, n := range o.Version.Names[keepNames:] {
		if len(Covers([]string{n}, want)) < len(want) {
			kept = append(kept, n)
		}
	}
	o.Version.Names = kept
	return o
}

func short(s string) string {
	if len(s) > keepText {
		s = s[:keepText] + "…"
	}
	return strings.ToValidUTF8(s, "?")
}

// Where names the place in one short string.
func (o Observation) Where() string {
	switch {
	case o.Place != "":
		return o.Place
	case o.Target != "" && o.Host != "":
		return "target " + o.Target + " on host " + o.Host
	case o.Target != "":
		return "target " + o.Target
	case o.Address != "" && o.Address != o.Endpoint.Address():
		return o.Endpoint.String() + " (" + o.Address + ")"
	default:
		return o.Endpoint.String()
	}
}
