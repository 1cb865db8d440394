package target

import (
	"context"
	"fmt"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

// PEM gives full chain and key as files would get them; fault.Invalid if they
// do not belong together. Kinds that are reached by an API call it.
func PEM(pair cert.Pair) (full, private []byte, err error) {
	c, err := render(pair, Keystores{})
	return c.bytes[fullchain], c.bytes[key], err
}

// VersionIn reads back what PEM gave: fault.NotFound if there is no
// certificate, fault.Proof if the key is another's.
func VersionIn(full, private []byte) (cert.Version, error) {
	return coherent([]item{{fullchain, "the chain"}, {key, "the key"}}, map[role][]byte{fullchain: full, key: private}, Keystores{})
}

// LeafIn reads the leaf of a chain; fault.NotFound if there is none.
func LeafIn(full []byte) (cert.Version, error) {
	certs, err := cert.DecodeChain(full)
	if err != nil {
		return cert.Version{}, fault.New(fault.NotFound, "there was no certificate before")
	}
	return cert.VersionOf(certs[0]), nil
}

// Captured begins the capture of a kind that is reached by an API.
type Captured struct {
	Format int    `json:"format"`
	Place  string `json:"place"` // it fits no other
}

// CapturedAt begins a capture of a place.
func CapturedAt(place string) Captured { return Captured{captureFormat, place} }

// Read decodes a capture into the value that embeds c.
func (c *Captured) Read(data []byte, into any) error { return readCapture(data, into, &c.Format) }

// Fits refuses a capture of another place: restoring it would not restore this one.
func (c *Captured) Fits(place string) error {
	if c.Place != place {
		return fault.New(fault.Invalid, "the capture is of another place (%q) than this target has now (%q); restore it by hand or set the options back", c.Place, place)
	}
	return nil
}

// Bounded runs one act of a kind that is reached by an API, within a timeout.
func Bounded(ctx context.Context, timeout time.Duration, act func(context.Context) error) error {
	if err := context.Cause(ctx); err != nil {
		return fmt.Errorf("interrupted: %w", err)
	}
	inner, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	err := act(inner)
	if err != nil && ctx.Err() != nil {
		err = fmt.Errorf("interrupted: %w", err)
	}
	return err
}
