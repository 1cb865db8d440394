package acm

import "github.com/neverlapse/neverlapse/internal/target"

// capture is what could be read.
type capture struct {
	target.Captured
	Chain []byte `json:"chain"` // PEM, leaf first
}

func decodeCapture(data []byte) (c capture, err error) {
	err = c.Read(data, &c)
	return c, err
}

func (t *Target) decode(before []byte) (capture, error) {
	c, err := decodeCapture(before)
	if err == nil {
		err = c.Fits(t.place())
	}
	return c, err
}
