package store

import (
	"context"
	"errors"
	"io/fs"

	"github.com/neverlapse/neverlapse/internal/fault"
)

// PutCapture seals what a target had before a deployment; the first capture for
// (name, deployment, target) wins, whatever comes later. A target may be any
// text, a deployment too.
func (s *Files) PutCapture(ctx context.Context, name, deployment, target string, data []byte) error {
	r, elem, err := s.captureFile(name, deployment, target)
	if err != nil {
		return err
	}
	return r.locked(ctx, func() error {
		_, err := s.root.Stat(r.join(elem))
		if err == nil {
			return r.settle("captures")
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return s.failed(err)
		}
		blob, err := s.sealer.seal(ctx, object("capture", name, deployment, target), data)
		if err != nil {
			return err
		}
		return r.write(elem, blob)
	})
}

// Capture gives it back byte for byte; fault.NotFound if there is none.
func (s *Files) Capture(ctx context.Context, name, deployment, target string) ([]byte, error) {
	r, elem, err := s.captureFile(name, deployment, target)
	if err != nil {
		return nil, err
	}
	blob, err := r.read(elem)
	if err != nil {
		return nil, err
	}
	return s.sealer.unseal(ctx, object("capture", name, deployment, target), blob)
}

func (s *Files) captureFile(name, deployment, target string) (room, string, error) {
	r, err := s.certificate(name)
	if err != nil {
		return room{}, "", err
	}
	if deployment == "" || target == "" {
		return room{}, "", fault.New(fault.Invalid, "capture of %s: the deployment and the target must be named", name)
	}
	return r, "captures/" + component(deployment) + "," + component(target) + ".sealed", nil
}
