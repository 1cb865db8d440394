package store

import (
	"slices"

	"github.com/neverlapse/neverlapse/internal/cert"
)

// Names lists the certificates of which the store keeps anything, in order.
func (s *Files) Names() ([]string, error) {
	all, err := s.list("certificates")
	out := slices.DeleteFunc(all, func(n string) bool { return cert.ValidateName(n) != nil })
	slices.Sort(out)
	return out, err
}
