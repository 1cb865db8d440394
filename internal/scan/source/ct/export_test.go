package ct

import (
	"time"

	"github.com/neverlapse/neverlapse/internal/scan/source"
)

// At has the source think that it is another time.
func (s *Source) At(now func() time.Time) { s.now = now }

// Take gives what a page would show of an answer.
func (s *Source) Take(answer []byte) (out source.Page, err error) {
	t, err := s.begin(nil)
	if err != nil {
		return out, err
	}
	listed, err := read("read", answer)
	if err == nil {
		s.take(&out, &t, listed)
	}
	return out, err
}
