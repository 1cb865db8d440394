package cluster

import (
	"encoding/json"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/kube"
)

// Token says where a run goes on that lists one part after the other.
type Token struct {
	Part     int    `json:"part"`
	Continue string `json:"continue,omitempty"` // the API server's; empty: the part's beginning
	// Anew counts how often the part was begun again since the API server had
	// forgotten where it was.
	Anew int `json:"anew,omitempty"`
}

const maxAnew = 3

// ReadToken reads one of a source with so many parts; nil is the beginning.
func ReadToken(page []byte, parts int) (t Token, err error) {
	if page == nil {
		return t, nil
	}
	if err := json.Unmarshal(page, &t); err != nil || t.Part < 0 || t.Part >= parts {
		return t, fault.New(fault.Invalid, "the page %.80q means nothing any more; begin anew", page)
	}
	return t, nil
}

// Bytes are the token of a page; nil behind the last part.
func (t Token) Bytes(parts int) ([]byte, error) {
	if t.Part >= parts {
		return nil, nil
	}
	return json.Marshal(t)
}

// Behind goes on with what the API server calls the rest, or with the next part.
func (t Token) Behind(rest string) Token {
	if rest == "" {
		return Token{Part: t.Part + 1}
	}
	return Token{Part: t.Part, Continue: rest}
}

// Forgotten: the API server keeps a list for minutes only (410, Expired). It then
// gives a token that goes on behind the last object with what is there now;
// without one the part begins anew.
func (t Token) Forgotten(err error) (Token, bool) {
	if !apierrors.IsResourceExpired(err) && !apierrors.IsGone(err) || t.Anew >= maxAnew {
		return Token{}, false
	}
	return Token{Part: t.Part, Continue: kube.Continue(err), Anew: t.Anew + 1}, true
}
