package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/inventory"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/workflows"
)

// row takes one row to its end. The error is one that ends the whole run; what
// is wrong with the row is in its result.
func (b *bulk) row(ctx context.Context, r inventory.Row) (rowView, error) {
	v := b.viewOf(r)
	if r.Err != nil {
		return v.refused(r.Err), nil
	}
	if name, enrolled := b.enrolledAs(r); enrolled {
		v.Name = name
		if k := b.known.names[name]; b.wishOf(r, name).isAs(k, r) {
			v.Outcome = rowUnchanged
			return b.served(v, cert.Version{NotAfter: k.NotAfter}), nil
		}
		if same, err := b.compare(ctx, r, v); !errors.Is(err, errGone) {
			return b.ended(ctx, same, err)
		}
	}
	v, names, seen, err := b.lookAt(ctx, r, v)
	if err != nil || b.wish.dry {
		return b.ended(ctx, v, err)
	}
	w := b.wishOf(r, v.Name)
	err = b.importing.enroll(ctx, workflows.EnrollmentRow{AdmitRequest: w.input(names).AdmitRequest, Seen: seen})
	var said lifecycle.Refusal
	if errors.As(err, &said) { // the index lags: it may be enrolled since
		if same, err := b.compare(ctx, r, v); !errors.Is(err, errGone) {
			return b.ended(ctx, same, err)
		}
	}
	return b.ended(ctx, v, err)
}

// ended makes a result of what came of a row.
func (b *bulk) ended(ctx context.Context, v rowView, err error) (rowView, error) {
	switch {
	case err == nil:
		return v, nil
	case ends(ctx, err):
		return v, err
	}
	return v.refused(errors.New(b.explain(err).text)), nil
}

// enrolledAs finds what the index has for a row: by its name if somebody gave
// it one, else by its place.
func (b *bulk) enrolledAs(r inventory.Row) (string, bool) {
	if name, ok := b.known.places[r.Endpoint.String()]; ok && !r.Given {
		return name, true
	}
	_, enrolled := b.known.names[r.Name]
	return r.Name, enrolled
}

// isAs reports whether the index says that nothing is to be changed. What it
// does not hold, the certificate has to be asked for.
func (w wish) isAs(k inIndex, r inventory.Row) bool {
	if w.policy != "" || w.note != "" || !slices.Contains(k.places, r.Endpoint.String()) {
		return false
	}
	same := func(want, have string) bool { return want == "" || want == have }
	return same(w.owner, k.Owner) && same(w.team, k.Team) && same(w.environment, k.Environment)
}

// wishOf is what a single enroll would have been asked for.
func (b *bulk) wishOf(r inventory.Row, name string) wish {
	or := func(cell, flag string) string {
		if cell != "" {
			return cell
		}
		return flag
	}
	w := wish{
		name: name, places: []cert.Endpoint{r.Endpoint}, note: r.Note,
		owner: or(r.Owner, b.wish.owner), team: or(r.Team, b.wish.team), environment: or(r.Environment, b.wish.environment), policy: or(r.Policy, b.wish.policy),
	}
	w.given = func(flag string) bool {
		return map[string]string{"owner": w.owner, "team": w.team, "environment": w.environment, "policy": w.policy, "note": w.note}[flag] != ""
	}
	return w
}

// lookAt reads what is served, as a single enroll does.
func (b *bulk) lookAt(ctx context.Context, r inventory.Row, v rowView) (_ rowView, names []string, served cert.Version, err error) {
	seen := b.look(ctx, r.Endpoint, nil)
	if err := ctx.Err(); err != nil {
		return v, nil, served, err
	}
	v.Outcome = rowEnrolled
	if b.wish.dry {
		v.Outcome = rowWouldEnroll
	}
	i := slices.IndexFunc(seen, cert.Observation.Seen)
	switch {
	case i < 0 && b.wish.unreachable:
		v.Why = "it does not answer: " + reasons(seen)
		return v, []string{r.Endpoint.SNI()}, served, nil
	case i < 0:
		return v, nil, served, problem{exitFailed, "it does not answer: " + reasons(seen) + "; check host and port, or enroll it all the same by --unreachable"}
	}
	names, remarks, err := servedNames(seen)
	v.Why = strings.Join(remarks, "; ")
	return b.served(v, seen[i].Version), names, seen[i].Version, err
}

func reasons(seen []cert.Observation) string {
	var out []string
	for _, o := range seen {
		if o.Err != "" && !slices.Contains(out, o.Err) {
			out = append(out, o.Err)
		}
	}
	if len(out) == 0 {
		return "nothing was seen"
	}
	return strings.Join(out, "; ")
}

// errGone tells that a certificate is not enrolled after all.
var errGone = errors.New("not enrolled")

// compare holds a row against the certificate that is enrolled by its name.
func (b *bulk) compare(ctx context.Context, r inventory.Row, v rowView) (rowView, error) {
	status, err := b.askFor(ctx, v.Name, b.patience(admissionPatience))
	var p problem
	if errors.Is(err, workflows.ErrNotEnrolled) || errors.As(err, &p) && p.code == exitNotFound {
		return v, errGone
	}
	if err != nil {
		return v, err
	}
	spec := status.State.Spec
	if live := status.State.Live; live.Fingerprint != "" {
		v = b.served(v, live)
	}
	w := b.wishOf(r, v.Name)
	if at := written(spec.Endpoints); !slices.Contains(at, r.Endpoint.String()) {
		return v, problem{exitRefused, fmt.Sprintf("%s is enrolled for %s; give this place a name of its own in a column name", v.Name, strings.Join(at, ", "))}
	}
	differs := w.differences(spec)
	switch {
	case len(differs) == 0:
		v.Outcome = rowUnchanged
		return v, nil
	case !b.wish.update:
		return v, problem{exitRefused, fmt.Sprintf("%s is enrolled with %s; change it by --update", v.Name, strings.Join(differs, ", "))}
	}
	v.Why = "it had " + strings.Join(differs, ", ")
	if v.Outcome = rowChanged; b.wish.dry {
		v.Outcome = rowWouldChange
		return v, nil
	}
	req, err := b.request("")
	if err != nil {
		return v, err
	}
	in := w.over(spec)
	in.Change = true
	return v, b.setSpec(ctx, req, in)
}

func written(endpoints []cert.Endpoint) []string {
	out := make([]string, len(endpoints))
	for i, e := range endpoints {
		out[i] = e.String()
	}
	return out
}

// differences names what an enrolled certificate has and the row wants otherwise.
func (w wish) differences(s lifecycle.Spec) []string {
	var out []string
	for _, f := range []struct{ flag, want, have string }{
		{"owner", w.owner, s.Owner}, {"team", w.team, s.Team}, {"environment", w.environment, s.Environment}, {"policy", w.policy, s.Policy.Name}, {"note", w.note, s.Note},
	} {
		if w.given(f.flag) && f.want != f.have {
			if f.have == "" {
				out = append(out, "no "+f.flag)
			} else {
				out = append(out, fmt.Sprintf("%s %q", f.flag, f.have))
			}
		}
	}
	return out
}
