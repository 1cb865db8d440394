package alert

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/neverlapse/neverlapse/internal/cert"
)

// Ref is what a button carries back: which alert of which certificate was meant,
// and how it stood when the message was written. Of a message about many alerts
// it is the ID, and no certificate.
type Ref struct {
	Certificate string `json:"certificate"`
	AlertID     string `json:"alertID"`
	Standing    string `json:"standing,omitempty"` // empty: whoever answers means whatever is
}

// Encode gives the JSON of a reference.
func (r Ref) Encode() (string, error) {
	b, err := json.Marshal(r)
	if err != nil {
		return "", fmt.Errorf("encode alert reference: %w", err)
	}
	return string(b), nil
}

// ParseRef reads what Encode wrote; anything else is refused, for it comes back
// over the network.
func ParseRef(s string) (Ref, error) {
	var r Ref
	d := json.NewDecoder(strings.NewReader(s))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil {
		return Ref{}, fmt.Errorf("alert reference: %w", err)
	}
	if _, ok := ParseDigestID(r.AlertID); ok && r.Certificate == "" && Clean(r.AlertID) == r.AlertID {
		return r, nil
	}
	if err := cert.ValidateName(r.Certificate); err != nil {
		return Ref{}, fmt.Errorf("alert reference: %w", err)
	}
	if !strings.HasPrefix(r.AlertID, r.Certificate+"/") || Clean(r.AlertID) != r.AlertID {
		return Ref{}, fmt.Errorf("alert reference: %q is not an alert of %s", Clean(r.AlertID), r.Certificate)
	}
	return r, nil
}
