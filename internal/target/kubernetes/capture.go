package kubernetes

import (
	"encoding/json"
	"fmt"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/target"
)

// captureFormat changes when an older capture can no longer be understood.
const captureFormat = 1

// capture is the Secret as it was. It holds keys; the store seals it.
type capture struct {
	Format int    `json:"format"`
	Place  string `json:"place"` // it fits no other
	// Secret is nil if there was none. It is kept whole enough to be made
	// again if somebody deletes it.
	Secret *secret `json:"secret,omitempty"`
}

func (t *Target) captured(s *secret) capture {
	c := capture{Format: captureFormat, Place: t.place()}
	if s != nil {
		kept := *s
		kept.Metadata = metadata{Name: s.Metadata.Name, Labels: s.Metadata.Labels, Annotations: s.Metadata.Annotations}
		c.Secret = &kept
	}
	return c
}

func (c capture) encode() ([]byte, error) {
	data, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("encode capture: %w", err)
	}
	return data, nil
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

// decode refuses a capture of another Secret: restoring it would not restore this one.
func (t *Target) decode(before []byte) (capture, error) {
	c, err := decodeCapture(before)
	if err == nil && c.Place != t.place() {
		err = fault.New(fault.Invalid, "the capture is of another place (%q) than this target has now (%q); restore it by hand or set the options back", c.Place, t.place())
	}
	return c, err
}

func (c capture) version() (cert.Version, error) {
	if c.Secret == nil {
		return cert.Version{}, fault.New(fault.NotFound, "there was no Secret before")
	}
	return target.LeafIn(c.Secret.Data[certKey])
}
