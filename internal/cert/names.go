package cert

import (
	"crypto/x509"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
)

var label = regexp.MustCompile(`^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$`)

// ParseName checks and normalises one identifier: a DNS name (lower case, in
// its A-label form, a leading "*." allowed) or an IP address. Names come from
// users and are hostile until they passed here.
func ParseName(s string) (string, error) {
	if addr, err := netip.ParseAddr(s); err == nil && addr.Zone() == "" {
		return addr.Unmap().String(), nil
	}
	name := strings.ToLower(strings.TrimSuffix(s, "."))
	if len(name) > 253 {
		return "", fmt.Errorf("name of %d bytes: a DNS name has at most 253", len(name))
	}
	rest := strings.TrimPrefix(name, "*.")
	for _, l := range strings.Split(rest, ".") {
		if !label.MatchString(l) {
			return "", fmt.Errorf("name %q: %q is not a DNS label (letters, digits, '-'; write an international name in its xn-- form)", s, l)
		}
	}
	return name, nil
}

// ParseNames parses each, removes repetitions and sorts. At least one is needed.
func ParseNames(in []string) ([]string, error) {
	out := make([]string, 0, len(in))
	for _, s := range in {
		n, err := ParseName(s)
		if err != nil {
			return nil, err
		}
		out = append(out, n)
	}
	slices.Sort(out)
	out = slices.Compact(out)
	if len(out) == 0 {
		return nil, fmt.Errorf("no name: a certificate needs at least one")
	}
	return out, nil
}

// Covers reports whether the certificate's names include every wanted one;
// missing lists those that are not covered (RFC 6125, left-most label wildcards).
func Covers(have, want []string) (missing []string) {
	for _, w := range want {
		if slices.Contains(have, w) {
			continue
		}
		if _, rest, ok := strings.Cut(w, "."); ok && !strings.HasPrefix(w, "*.") && slices.Contains(have, "*."+rest) {
			continue
		}
		missing = append(missing, w)
	}
	return missing
}

func namesOf(leaf *x509.Certificate) []string {
	var out []string
	for _, n := range leaf.DNSNames {
		out = append(out, strings.ToLower(n))
	}
	for _, ip := range leaf.IPAddresses {
		if a, ok := netip.AddrFromSlice(ip); ok {
			out = append(out, a.Unmap().String())
		}
	}
	if len(out) == 0 && leaf.Subject.CommonName != "" {
		out = append(out, strings.ToLower(leaf.Subject.CommonName))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

var certificateName = regexp.MustCompile(`^[a-z0-9]([a-z0-9._-]{0,98}[a-z0-9])?$`)

// ValidateName checks the name by which people call a certificate. It becomes
// part of workflow IDs and file names, so path separators, control characters
// and "wildcard stars" have no place in it.
func ValidateName(name string) error {
	if !certificateName.MatchString(name) || strings.Contains(name, "..") {
		return fmt.Errorf("certificate name %q: use 1 to 100 of a-z, 0-9, '.', '_' and '-', beginning and ending with a letter or digit, without '..'", name)
	}
	return nil
}
