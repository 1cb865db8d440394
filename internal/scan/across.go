package scan

import (
	"fmt"
	"strings"

	"github.com/neverlapse/neverlapse/internal/cert"
)

// Across says what is wrong between the addresses of one endpoint: what no
// single one of them shows.
func Across(seen []Seen) (out []cert.Finding) {
	var who []string
	versions := map[cert.Fingerprint]bool{}
	for _, s := range seen {
		if s.Observation.Seen() {
			versions[s.Version.Fingerprint] = true
			who = append(who, fmt.Sprintf("%s serves %s until %s", s.Address, s.Version.Fingerprint.Short(), s.Version.NotAfter.Format("2006-01-02")))
		}
	}
	if len(versions) > 1 {
		out = append(out, found(cert.AddressesDisagree, "the addresses serve %d certificates: %s", len(versions), strings.Join(who, ", "))...)
	}
	for _, s := range seen {
		if !s.Observation.Seen() && len(versions) > 0 {
			what := s.Address + " cannot be read: " + s.Err
			if s.Address == "" {
				what = s.Err
			}
			out = append(out, cert.Find(cert.AddressUnreachable, what))
		}
	}
	return out
}
