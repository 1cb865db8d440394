package lifecycle

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/cert"
)

// drifted: some place was changed behind our back. It is told once the place has
// had its time to settle, with what is there and what should be. Nothing is put
// back by itself: whoever changed it may have had a reason.
func (v *view) drifted() *condition {
	at := v.astrayAt()
	if at.IsZero() || v.now.Before(at) {
		return nil
	}
	var has []string
	for _, o := range v.s.drifting() {
		has = append(has, o.Where()+" has "+inFull(o.Version))
	}
	return v.atPlaces(alert.Drifted, at, []string{strings.Join(has, "; ") + ", instead of " + inFull(v.s.Live)})
}

// astrayAt is when a place that shows another version than Live has had its
// time to settle; zero if there is none.
func (v *view) astrayAt() time.Time {
	if v.s.Sight.AstraySince.IsZero() || len(v.s.drifting()) == 0 {
		return time.Time{}
	}
	return v.s.Sight.AstraySince.Add(v.of(v.s.Spec.Policy.RetryEvery))
}

// undrifted reports whether every place that can speak for itself shows Live. One
// that cannot be seen shows nothing; of one that is behind people are told apart.
func (v *view) undrifted() bool {
	if len(v.s.forgotten()) > 0 {
		return false
	}
	if !v.s.Spec.Managed { // its Live follows what its own places show
		return true
	}
	for _, o := range v.s.Sight.Observations {
		if (!o.Seen() || o.Version.Fingerprint != v.s.Live.Fingerprint) && !v.s.explained(o) {
			return false
		}
	}
	return len(v.s.Sight.Observations) > 0
}

// calm reports whether Live is a version of ours that needs no replacement: then
// a better one in its place is nobody's answer to anything.
func (s *State) calm(now time.Time) bool {
	v := look(now, s)
	return s.Live.CA != "" && s.Live.ValidAt(now) && s.covered() && s.Revoked(s.Live.Fingerprint) == nil && !s.Renewal.Reissue &&
		len(s.Renewal.Attempts) == 0 && now.Before(v.plan.RenewAt) && v.plan.Level(now) < s.Spec.Policy.Inform
}

// keepDescribed bounds what is told of the names of one version.
const keepDescribed = 3

// inFull describes a version for humans. What strangers wrote into it is cleaned.
func inFull(v cert.Version) string {
	names := slices.Clone(v.Names[:min(len(v.Names), keepDescribed)])
	for i, n := range names {
		names[i] = alert.Clean(n)
	}
	if more := len(v.Names) - len(names); more > 0 {
		names = append(names, fmt.Sprintf("%d more", more))
	}
	return fmt.Sprintf("%s for %s by %s (serial %s, until %s)", v.Fingerprint.Short(), strings.Join(names, ", "), alert.Clean(v.Issuer), alert.Clean(v.Serial), v.NotAfter.UTC().Format(time.RFC3339))
}

// inShort tells a version by its fingerprint, issuer and serial.
func inShort(v cert.Version) string {
	return fmt.Sprintf("%s by %s, serial %s", v.Fingerprint.Short(), alert.Clean(v.Issuer), alert.Clean(v.Serial))
}
