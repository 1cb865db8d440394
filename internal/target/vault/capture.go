package vault

import (
	"encoding/json"

	"github.com/neverlapse/neverlapse/internal/fault"
)

// captureFormat changes when an older capture can no longer be understood.
const captureFormat = 1

// capture is the secret as it was. It holds keys; the store seals it.
type capture struct {
	Format int    `json:"format"`
	Place  string `json:"place"` // it fits no other
	// Fields are null if there was none. They are kept whole, to be written
	// again if somebody deletes it.
	Fields map[string]json.RawMessage `json:"fields"`
}

func decodeCapture(data []byte) (capture, error) {
	var c capture
	if len(data) == 0 {
		return c, fault.New(fault.Invalid, "no capture of what was there before; take one first")
	}
	if err := json.Unmarshal(data, &c); err != nil {
		return c, fault.New(fault.Invalid, "the capture cannot be read: %w", err)
	}
	if c.Format != captureFormat {
		return c, fault.New(fault.Invalid, "the capture has format %d, this program understands %d", c.Format, captureFormat)
	}
	return c, nil
}

// decode refuses a capture of another secret: restoring it would not restore this one.
func (t *Target) decode(before []byte) (capture, error) {
	c, err := decodeCapture(before)
	if err == nil && c.Place != t.place() {
		err = fault.New(fault.Invalid, "the capture is of another place (%q) than this target has now (%q); restore it by hand or set the options back", c.Place, t.place())
	}
	return c, err
}
