package cert

import (
	"fmt"
	"slices"
	"strings"
)

// StartTLS names a protocol whose servers speak plainly until they are asked
// for TLS; empty where TLS is spoken from the first byte.
type StartTLS string

// Upgrade is what is known of such a protocol.
type Upgrade struct {
	Protocol StartTLS
	Port     int    // where nobody says otherwise
	Source   string // which document says how TLS is asked for
	Ports    []int  // further ones on which it is usual
}

// Upgrades lists the protocols that can be asked.
var Upgrades = []Upgrade{
	{"smtp", 25, "RFC 3207", []int{587, 2525}},
	{"imap", 143, "RFC 9051, 6.2.1", nil},
	{"pop3", 110, "RFC 2595, 4", nil},
	{"ftp", 21, "RFC 4217, 4", nil},
	{"ldap", 389, "RFC 4511, 4.14", nil},
	{"postgres", 5432, "SSLRequest of the frontend/backend protocol", nil},
	{"mysql", 3306, "CLIENT_SSL of the client/server protocol", nil},
	{"xmpp", 5222, "RFC 6120, 5", []int{5269}},
}

// ParseStartTLS reads the name of a protocol.
func ParseStartTLS(s string) (StartTLS, error) {
	var known []string
	for _, u := range Upgrades {
		if strings.EqualFold(string(u.Protocol), s) {
			return u.Protocol, nil
		}
		known = append(known, string(u.Protocol))
	}
	return "", fmt.Errorf("%q is no protocol with STARTTLS that is known; use one of %s, or none where TLS is spoken from the first byte", s, strings.Join(known, ", "))
}

// port is where the protocol is spoken unless said otherwise.
func (p StartTLS) port() int {
	for _, u := range Upgrades {
		if u.Protocol == p {
			return u.Port
		}
	}
	return 443
}

// UsualStartTLS gives the protocol that is usual on a port; empty if none is.
func UsualStartTLS(port int) StartTLS {
	for _, u := range Upgrades {
		if u.Port == port || slices.Contains(u.Ports, port) {
			return u.Protocol
		}
	}
	return ""
}
