package cert

import "time"

// Authority is a configured CA: what was configured and, once it was asked,
// what it says of itself and of our account.
type Authority struct {
	Name      string    `json:"name"`
	Directory string    `json:"directory"`
	Email     string    `json:"email,omitempty"`
	Challenge string    `json:"challenge"`     // of certificates that choose none
	DNS       string    `json:"dns,omitempty"` // the DNS provider of that
	KeyTypes  []KeyType `json:"keyTypes"`      // that certificates may have, the default first

	// Err tells in words why the CA cannot be used, with what would mend it;
	// empty when all is well or nobody was asked. ErrKind is its fault.Kind.
	Err     string `json:"error,omitempty"`
	ErrKind string `json:"errorKind,omitempty"`
	// ErrStore tells that our own store is to blame, and not the CA.
	ErrStore bool `json:"errorStore,omitempty"`

	Reached bool   `json:"reached"`           // its directory was read
	Account string `json:"account,omitempty"` // URL of the account, which the CA knows and which is valid
	Made    bool   `json:"made,omitempty"`    // the account was made just now

	Terms         string            `json:"terms,omitempty"`         // URL of the terms of service
	CAAIdentities []string          `json:"caaIdentities,omitempty"` // names for CAA records
	EABRequired   bool              `json:"eabRequired,omitempty"`
	Profiles      map[string]string `json:"profiles,omitempty"` // with what the CA says of each
	Profile       string            `json:"profile,omitempty"`  // that an order without a wish of its own gets
	RenewalInfo   string            `json:"renewalInfo,omitempty"`

	// Date is the CA's own clock, in whole seconds, at AskedAt of ours.
	Date    time.Time `json:"date,omitzero"`
	AskedAt time.Time `json:"askedAt,omitzero"`
}

// AuthorityQuery says which CAs are meant; all when none is named.
type AuthorityQuery struct {
	Names []string `json:"names,omitempty"`
	Check bool     `json:"check,omitempty"` // ask them, too
}
