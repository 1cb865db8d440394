package store

import (
	"context"

	"github.com/neverlapse/neverlapse/internal/fault"
)

// PutCapture seals what a target had before a deployment; the first capture for
// (name, deployment, target) wins, whatever comes later. A target may be any
// text, a deployment too.
func (s *Store) PutCapture(ctx context.Context, name, deployment, target string, data []byte) error {
	r, err := s.certificate(name)
	if err != nil {
		return err
	}
	return r.putCapture(ctx, s.sealer, capture{name, deployment, target}, data)
}

// Capture gives it back byte for byte; fault.NotFound if there is none.
func (s *Store) Capture(ctx context.Context, name, deployment, target string) ([]byte, error) {
	r, err := s.certificate(name)
	if err != nil {
		return nil, err
	}
	return r.capture(ctx, s.sealer, capture{name, deployment, target})
}

// capture is what a capture is of.
type capture struct{ name, deployment, target string }

func (c capture) object() string { return object("capture", c.name, c.deployment, c.target) }

func (c capture) file() (string, error) {
	if c.deployment == "" || c.target == "" {
		return "", fault.New(fault.Invalid, "capture of %s: the deployment and the target must be named", c.name)
	}
	return "captures/" + component(c.deployment) + "," + component(c.target) + ".sealed", nil
}

func (r room) putCapture(ctx context.Context, by sealer, c capture, data []byte) error {
	elem, err := c.file()
	if err != nil {
		return err
	}
	return r.locked(ctx, func(r room) error {
		there, err := r.has(ctx, elem)
		if err != nil {
			return err
		}
		if there {
			return r.settle(ctx, "captures")
		}
		blob, err := by.seal(ctx, c.object(), data)
		if err != nil {
			return err
		}
		return r.write(ctx, elem, blob)
	})
}

func (r room) capture(ctx context.Context, by sealer, c capture) ([]byte, error) {
	elem, err := c.file()
	if err != nil {
		return nil, err
	}
	blob, err := r.read(ctx, elem)
	if err != nil {
		return nil, err
	}
	return by.unseal(ctx, c.object(), blob)
}
