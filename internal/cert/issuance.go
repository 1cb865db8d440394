package cert

import (
	"encoding/json"
	"time"
)

// Issuance is what must be durable before the CA is asked for anything that
// counts: one per version being replaced. It holds references, never keys.
type Issuance struct {
	Certificate string      `json:"certificate"`
	Replaces    Fingerprint `json:"replaces"` // empty for the first issuance
	CA          string      `json:"ca"`       // configured name of the CA
	Names       []string    `json:"names"`
	KeyType     KeyType     `json:"keyType"`
	Profile     string      `json:"profile,omitempty"`
	KeyRef      string      `json:"keyRef,omitempty"` // the store's reference of the private key
	CSR         []byte      `json:"csr,omitempty"`    // DER
	// KeptKey tells that CSR was given and its key stays on its host: there is no KeyRef.
	KeptKey   bool      `json:"keptKey,omitempty"`
	OrderURL  string    `json:"orderURL,omitempty"`
	OrderedAt time.Time `json:"orderedAt,omitzero"`
	// FinalizeAt is when the CA was first about to be asked to finalize the order:
	// from then on only the CA knows whether it led to a certificate. Zero: it did not.
	FinalizeAt time.Time `json:"finalizeAt,omitzero"`
	// NoReplaces is why orders do not name the version they replace: what the CA
	// said to the one that did. Empty: they do, where the CA issued that version.
	NoReplaces string `json:"noReplaces,omitempty"`
	// Candidate is the version issued for this replacement and not yet proven.
	Candidate Fingerprint `json:"candidate,omitempty"`
	// Rejected versions were discarded by a human; they are never deployed again.
	Rejected []Fingerprint `json:"rejected,omitempty"`
	// Revision counts the writes; a write with another than the stored one is refused.
	Revision int64 `json:"revision"`
}

// Order is what a CA is asked for.
type Order struct {
	Names   []string `json:"names"`
	Profile string   `json:"profile,omitempty"`
	KeyType KeyType  `json:"keyType,omitempty"`
	// Challenge is how the names are proven, http-01, tls-alpn-01 or dns-01, and
	// DNS the configured DNS provider; empty: as is usual for the CA.
	Challenge string `json:"challenge,omitempty"`
	DNS       string `json:"dns,omitempty"`
	// Replaces is the ARI certificate ID (RFC 9773, 4.1) of the version being
	// replaced; empty when this CA did not issue it.
	Replaces string `json:"replaces,omitempty"`
	// URL of the order that an earlier try opened; empty for a new one.
	URL string `json:"url,omitempty"`
}

// Account is an ACME account (RFC 8555, 7.1.2) as the store keeps it.
type Account struct {
	CA    string `json:"ca"`
	Email string `json:"email,omitempty"`
	URL   string `json:"url,omitempty"` // the kid; empty until the CA answered
	Key   []byte `json:"-"`             // PKCS#8 PEM; sealed by the store
}

// Entry is one line of a certificate's journal.
type Entry struct {
	Sequence int64             `json:"sequence"` // counts from 1 within one certificate
	At       time.Time         `json:"at"`
	Kind     string            `json:"kind"` // enrolled, alert, told, acknowledged, attempt, deployed, ...
	Text     string            `json:"text"` // one line in plain English
	By       string            `json:"by,omitempty"`
	Via      string            `json:"via,omitempty"`
	Note     string            `json:"note,omitempty"`
	Details  map[string]string `json:"details,omitempty"`
}

// Snapshot is what is kept of a certificate beside its workflow, so that it can be
// begun again should the engine lose it. It holds no secret.
type Snapshot struct {
	Sequence int64           `json:"sequence"` // of the last journal entry that it knows of
	At       time.Time       `json:"at"`       // when it was so
	Owner    string          `json:"owner,omitempty"`
	Team     string          `json:"team,omitempty"`
	NotAfter time.Time       `json:"notAfter,omitzero"` // of the version that was live
	State    json.RawMessage `json:"state"`             // the workflow's own
}
