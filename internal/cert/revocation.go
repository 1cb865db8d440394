package cert

import (
	"fmt"
	"strings"
	"time"
)

// RevocationReason is a reason code of RFC 5280, 5.3.1, by its name there.
type RevocationReason string

// The reasons that who holds a certificate may give.
const (
	Unspecified          RevocationReason = "unspecified"
	KeyCompromise        RevocationReason = "keyCompromise"
	AffiliationChanged   RevocationReason = "affiliationChanged"
	Superseded           RevocationReason = "superseded"
	CessationOfOperation RevocationReason = "cessationOfOperation"
	PrivilegeWithdrawn   RevocationReason = "privilegeWithdrawn"
)

// RevocationReasons lists them.
var RevocationReasons = []RevocationReason{KeyCompromise, AffiliationChanged, Superseded, CessationOfOperation, PrivilegeWithdrawn, Unspecified}

var reasonCodes = map[RevocationReason]uint{
	Unspecified: 0, KeyCompromise: 1, AffiliationChanged: 3, Superseded: 4, CessationOfOperation: 5, PrivilegeWithdrawn: 9,
}

// others are reasons of RFC 5280 that are not for who holds a certificate.
var others = map[string]string{
	"cacompromise": "only a CA gives it", "aacompromise": "only a CA gives it",
	"certificatehold": "a revocation cannot be taken back", "removefromcrl": "a revocation cannot be taken back",
}

// ParseRevocationReason reads a reason, in any case of letters. There is no
// default: why a certificate ends must be said, even if it is "unspecified".
func ParseRevocationReason(s string) (RevocationReason, error) {
	for _, r := range RevocationReasons {
		if strings.EqualFold(string(r), s) {
			return r, nil
		}
	}
	var names []string
	for _, r := range RevocationReasons {
		names = append(names, string(r))
	}
	known := strings.Join(names, ", ")
	if why, ok := others[strings.ToLower(s)]; ok {
		return "", fmt.Errorf("reason %q: %s; use one of %s", s, why, known)
	}
	if s == "" {
		return "", fmt.Errorf("a reason is missing; use one of %s", known)
	}
	return "", fmt.Errorf("reason %q is not known; use one of %s", s, known)
}

// Code is the number of the reason (RFC 5280, 5.3.1).
func (r RevocationReason) Code() uint { return reasonCodes[r] }

// Revocation is a certificate that was ended before its time.
type Revocation struct {
	Fingerprint Fingerprint      `json:"fingerprint"`
	Reason      RevocationReason `json:"reason"`
	At          time.Time        `json:"at"`
	By          string           `json:"by,omitempty"`
}
