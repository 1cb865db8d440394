package cert

import "time"

// RenewalInfo is a CA's advice when to renew one version (RFC 9773, 4.2).
type RenewalInfo struct {
	Fingerprint Fingerprint `json:"fingerprint"`       // of the version that it is about
	Window      Window      `json:"window,omitzero"`   // zero: the CA gave none
	AskAt       time.Time   `json:"askAt"`             // the CA is not asked again before
	Refused     string      `json:"refused,omitempty"` // why the latest answer was of no use, as far as the CA said
}

// Suggested reports whether the CA gave a window.
func (i RenewalInfo) Suggested() bool { return !i.Window.Start.IsZero() || !i.Window.End.IsZero() }

// The bounds of how long a CA may have its clients wait before they ask again;
// usualAsk counts where it does not say.
const (
	soonestAsk = time.Minute
	latestAsk  = 24 * time.Hour
	usualAsk   = 6 * time.Hour
)

// AskAgain is when to ask again about a version with this lifetime: after what
// the CA asked for, but no sooner than in a minute and no later than in a tenth
// of the lifetime or in a day. Zero wait: the CA did not say.
func AskAgain(now time.Time, wait, lifetime time.Duration) time.Time {
	if wait <= 0 {
		wait = usualAsk
	}
	return now.Add(max(min(max(wait, soonestAsk), lifetime/10, latestAsk), time.Second))
}
