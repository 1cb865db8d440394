package target

import (
	"context"

	"github.com/neverlapse/neverlapse/internal/fault"
)

// oneWay is why an exec target without capture and restore is irreversible.
const oneWay = "its options name no programs for capture and restore"

// ExecOneWay is an Exec without capture and restore: what others put there can
// come back only where the store has it.
type ExecOneWay struct{ *Exec }

// Irreversible tells why what is there cannot be taken and put back.
func (ExecOneWay) Irreversible() string { return oneWay }

func (t *Exec) reversible() bool { return t.options.Restore != nil }

// unchanged is nil if what Capture saw is still there; anything else cannot be put back.
func (t *Exec) unchanged(ctx context.Context, s *scratch, old execCapture) error {
	now, err := t.current(ctx, s)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return err
	}
	if now.Fingerprint != old.Version.Fingerprint {
		return fault.New(fault.Configuration, "not reversible: %s, so %s cannot be put back", oneWay, orNone(old.Version.Fingerprint.Short()))
	}
	return nil
}

func orNone(fingerprint string) string {
	if fingerprint == "" {
		return "having none"
	}
	return fingerprint
}
