package activities

import (
	"context"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

// Rehearsed is what was said of a target; or where it lives, and then only what
// is known of the version: the host's worker says the rest.
type Rehearsed struct {
	cert.Rehearsal
	Host string        `json:"host,omitempty"`
	Wait time.Duration `json:"wait,omitempty"`
}

// Rehearse does everything that comes before a target is changed, and tells what
// would follow. The server's own check runs as it does before a deployment;
// nothing is handed over to a host.
func (a *Activities) Rehearse(ctx context.Context, in DeployInput) (Rehearsed, error) {
	out := Rehearsed{Rehearsal: cert.Rehearsal{Target: in.Target}}
	err := a.attended(ctx, func(ctx context.Context, _ func(string)) error {
		stored, err := a.Store.Versions(ctx, in.Name)
		if err != nil {
			return ours(err)
		}
		for _, v := range stored {
			if v.Fingerprint == in.Fingerprint {
				out.Gets = v
			}
		}
		pair, err := a.checked(ctx, in)
		if err != nil {
			out.Refused = err.Error()
		}
		if h, ok := a.Hosts[in.Target]; ok {
			out.Host, out.Wait = h.Name, h.Wait
			return nil
		}
		a.rehearse(ctx, in, &out.Rehearsal)
		if t := a.Targets[in.Target]; t != nil && out.Refused == "" {
			if err := hasKey(ctx, in.Target, t, pair); err != nil {
				out.Refused = err.Error()
			}
		}
		return nil
	})
	return out, err
}

// Rehearse is that of Activities, at the target itself.
func (o *OnHost) Rehearse(ctx context.Context, in DeployInput) (Rehearsed, error) {
	out := Rehearsed{Rehearsal: cert.Rehearsal{Target: in.Target}}
	err := o.hands.attended(ctx, func(ctx context.Context, _ func(string)) error {
		o.hands.rehearse(ctx, in, &out.Rehearsal)
		return nil
	})
	return out, err
}

func (a *Activities) rehearse(ctx context.Context, in DeployInput, out *cert.Rehearsal) {
	t, err := a.target(out.Target)
	if err != nil {
		out.Trouble = err.Error()
		return
	}
	if out.Has, err = t.Installed(ctx); err != nil && !fault.Is(err, fault.NotFound) {
		out.Trouble = err.Error()
		return
	}
	if d, ok := t.(Describer); ok {
		if s, err := d.Steps(ctx); err == nil {
			out.Steps = &s
		}
	}
	if err := t.Preflight(ctx); err != nil {
		out.Trouble = err.Error()
		return
	}
	switch why, err := a.lost(ctx, in, t, out.Has); {
	case err != nil:
		out.Trouble = err.Error()
	case why != "" && out.Steps == nil:
		out.Steps = &cert.Steps{Irreversible: why}
	case why != "":
		out.Steps.Irreversible = why
	}
}
