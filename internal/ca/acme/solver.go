package acme

import (
	"regexp"
	"strings"

	"github.com/neverlapse/neverlapse/internal/fault"
)

// challengePath is where a CA looks for the answer (RFC 8555, 8.3).
const challengePath = "/.well-known/acme-challenge/"

// solver puts the answer to an http-01 challenge where the CA finds it.
// Presenting twice needs taking away twice.
type solver interface {
	present(token, answer string) error
	cleanUp(token string) error
}

var tokenPattern = regexp.MustCompile(`^[A-Za-z0-9_-]{1,256}$`)

// checkToken refuses what is not base64url (RFC 8555, 8.1): a token becomes part
// of a path, and a hostile CA may send "../../x".
func checkToken(token string) error {
	if !tokenPattern.MatchString(token) {
		return fault.New(fault.Configuration, "the CA sent the challenge token %q, which is not base64url (RFC 8555, 8.1); nothing was written", clean(token))
	}
	return nil
}

func tokenOf(path string) (string, bool) {
	token, ok := strings.CutPrefix(path, challengePath)
	return token, ok && checkToken(token) == nil
}
