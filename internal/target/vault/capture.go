package vault

import (
	"encoding/json"

	"github.com/neverlapse/neverlapse/internal/target"
)

// capture is the secret as it was. It holds keys; the store seals it.
type capture struct {
	target.Captured
	// Fields are null if there was none. They are kept whole, to be written
	// again if somebody deletes it.
	Fields map[string]json.RawMessage `json:"fields"`
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
