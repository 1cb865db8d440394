package page

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"strings"

	"github.com/neverlapse/neverlapse/internal/people"
)

// MinToken is how many characters a token has at least.
const MinToken = 20

// Tokens are who may come in, by the SHA-256 of what they show.
type Tokens []token

type token struct {
	sum    [sha256.Size]byte
	person string
}

// ParseTokens reads lines of PERSON TOKEN; "#" begins a comment line. People are
// those of the directory; one may have several tokens. The error tells everything
// that is wrong, by line, and repeats no token.
func ParseTokens(text string, d people.Directory) (Tokens, error) {
	var out Tokens
	var errs []error
	seen := map[[sha256.Size]byte]int{}
	for i, line := range strings.Split(text, "\n") {
		bad := func(format string, args ...any) {
			errs = append(errs, fmt.Errorf("line %d: %s", i+1, fmt.Sprintf(format, args...)))
		}
		f := strings.Fields(line)
		if len(f) == 0 || strings.HasPrefix(f[0], "#") {
			continue
		}
		if len(f) != 2 {
			bad("%d words; write PERSON TOKEN", len(f))
			continue
		}
		sum := sha256.Sum256([]byte(f[1]))
		if _, ok := d.Person(f[0]); !ok {
			bad("%q is nobody in people; write the id of a person", f[0])
		}
		if len(f[1]) < MinToken {
			bad("the token of %q has %d characters; use %d or more, for example from: openssl rand -hex 16", f[0], len(f[1]), MinToken)
		}
		if first, ok := seen[sum]; ok {
			bad("the token stands in line %d already; everybody needs one of their own", first)
		}
		seen[sum] = i + 1
		out = append(out, token{sum, f[0]})
	}
	if len(out) == 0 && len(errs) == 0 {
		errs = append(errs, errors.New("holds no token; write lines of PERSON TOKEN"))
	}
	return out, errors.Join(errs...)
}

// find gives the token that somebody shows. It compares hashes, and all of them,
// so that its time tells nothing.
func (t Tokens) find(shown string) (token, bool) {
	sum := sha256.Sum256([]byte(strings.TrimSpace(shown)))
	found := -1
	for i := range t {
		if subtle.ConstantTimeCompare(sum[:], t[i].sum[:]) == 1 {
			found = i
		}
	}
	if found < 0 {
		return token{}, false
	}
	return t[found], true
}
