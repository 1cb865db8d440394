package metrics

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"sync"

	"github.com/neverlapse/neverlapse/internal/alert"
)

// labelLimit is how many bytes of a text a label shows.
const labelLimit = 160

// label makes a text that others wrote safe as the value of a label: printable,
// UTF-8 and short. Two texts that differ stay different: what is altered ends in
// a piece of its hash.
func label(s string) string {
	out := alert.Clean(s)
	if out == s && len(s) <= labelLimit {
		return s
	}
	if len(out) > labelLimit {
		out = strings.ToValidUTF8(out[:labelLimit], "")
	}
	sum := sha256.Sum256([]byte(s))
	return out + "~" + hex.EncodeToString(sum[:4])
}

// others stands for every value past the bound of a label.
const others = "(others)"

// bound lets a label have so many values; every further one is others. A counter
// that anybody can make grow without end would end the process that counts.
type bound struct {
	most  int
	mu    sync.Mutex
	known map[string]bool
}

func newBound(most int) *bound { return &bound{most: most, known: map[string]bool{}} }

func (b *bound) value(s string) string {
	s = label(s)
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.known[s]:
	case len(b.known) >= b.most:
		return others
	default:
		b.known[s] = true
	}
	return s
}
