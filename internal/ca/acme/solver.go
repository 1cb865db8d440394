package acme

import (
	"context"
	"regexp"
	"strings"

	"github.com/neverlapse/neverlapse/internal/fault"
)

// challengePath is where a CA looks for the answer to http-01 (RFC 8555, 8.3).
const challengePath = "/.well-known/acme-challenge/"

// question is what an authorization asks: to prove control of a name.
type question struct {
	name   string // a DNS name without "*.", or an IP address
	token  string
	answer string // the key authorization (RFC 8555, 8.1)
}

// solver answers one kind of challenge.
type solver interface {
	// challenge is its type, as the CA names it.
	challenge() string
	// place says where the answer to a name goes. Authorizations with the same
	// place take turns, for it can hold one answer at a time; empty: they never meet.
	place(ctx context.Context, name string) (string, error)
	// present puts the answer there and returns once the CA can see it; say tells
	// what it is waiting for. After an error nothing is left behind.
	present(ctx context.Context, q question, say func(string)) error
	// cleanUp takes the answer away again, whatever became of the caller's context.
	cleanUp(q question) error
}

// answers keeps what is served below challengePath. Presenting twice needs
// taking away twice.
type answers interface {
	present(token, answer string) error
	cleanUp(token string) error
}

// byHTTP answers http-01.
type byHTTP struct{ answers }

func (byHTTP) challenge() string                             { return HTTP01 }
func (byHTTP) place(context.Context, string) (string, error) { return "", nil }
func (h byHTTP) cleanUp(q question) error                    { return h.answers.cleanUp(q.token) }
func (h byHTTP) present(_ context.Context, q question, _ func(string)) error {
	return h.answers.present(q.token, q.answer)
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
