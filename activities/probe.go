package activities

import "context"

// Probe asks a CA whether it is there. One that cannot tell counts as there.
func (a *Activities) Probe(ctx context.Context, name string) error {
	return a.attended(ctx, func(ctx context.Context, _ func(string)) error {
		ca, err := a.ca(name)
		if err != nil {
			return err
		}
		if p, ok := ca.(Prober); ok {
			return p.Probe(ctx)
		}
		return nil
	})
}
