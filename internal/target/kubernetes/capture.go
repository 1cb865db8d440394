package kubernetes

import (
	"encoding/json"
	"fmt"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/target"
)

// capture is the Secret as it was. It holds keys; the store seals it.
type capture struct {
	target.Captured
	// Secret is nil if there was none. It is kept whole enough to be made
	// again if somebody deletes it.
	Secret *secret `json:"secret,omitempty"`
}

func (t *Target) captured(s *secret) capture {
	c := capture{Captured: target.CapturedAt(t.place())}
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

func (c capture) version() (cert.Version, error) {
	if c.Secret == nil {
		return cert.Version{}, fault.New(fault.NotFound, "there was no Secret before")
	}
	return target.LeafIn(c.Secret.Data[certKey])
}
