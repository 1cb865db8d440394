package app

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/config"
	"github.com/neverlapse/neverlapse/internal/doctor"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/store"
)

// examiner looks at what a worker stands on; where no worker answers, from the
// machine of the CLI.
type examiner struct {
	by       string // who looks
	config   func() config.Config
	acts     *activities.Activities
	channels func() []activities.Channeled
	store    *store.Store
	client   client.Client // nil: Temporal is out of reach
	host     string        // of which this is the worker; empty: of the centre
	app      *App          // nil: this is no worker

	wrong    error           // with the configuration
	unopened *doctor.Finding // why the store was not opened
}

// Examine runs the checks that are asked for.
func (x *examiner) Examine(ctx context.Context, in activities.Examination, begun activities.Moment) []doctor.Finding {
	all := x.machine()
	if !begun.Temporal.IsZero() {
		all = append(all, doctor.One(doctor.Clock, x.by, func(context.Context) doctor.Finding { return skewed(lag(begun), "Temporal's") }))
	}
	all = append(all, x.targets()...)
	if x.host != "" {
		all = append(all, x.taken())
	} else {
		all = append(all, x.configured()...)
		all = append(all, x.cas()...)
		all = append(all, x.reached()...)
		all = append(all, x.kept()...)
		all = append(all, x.fleet()...)
		all = append(all, x.hosts(in)...)
	}
	found := doctor.Run(ctx, doctor.Patience{Each: in.Each, All: in.All, Abreast: examineAbreast}, x.by, in.Only, all)
	for i, f := range found {
		found[i].Found, found[i].Remedy = bounded(f.Found), bounded(f.Remedy)
	}
	return doctor.Fold(found, mostGood)
}

// lag is how far our clock is ahead of Temporal's. A task takes its way, so that
// much less than ten seconds says nothing.
func lag(m activities.Moment) time.Duration {
	ahead := m.Here.Sub(m.Temporal)
	if ahead > 0 && ahead < 10*time.Second {
		return 0
	}
	return ahead
}

// check is what tells everything that is wrong with the file of the configuration.
func (x *examiner) check() string {
	return "neverlapse-worker --config " + cmp.Or(x.config().Source, "FILE") + " --check"
}

// taken looks whether what the file holds is in force.
func (x *examiner) taken() doctor.Check {
	return doctor.One(doctor.Configuration, "in force", func(context.Context) doctor.Finding {
		if x.app == nil {
			if x.wrong != nil {
				return doctor.Bad(x.check(), "%s", inOneLine(x.wrong))
			}
			return doctor.Good("every adapter that it names can be made")
		}
		switch is := x.app.reload.configured(); {
		case len(is.Refused) > 0:
			return doctor.Bad(x.check(), "the worker refuses what the file holds since %s, and goes on with what it had: %s", is.Since.UTC().Format(time.RFC3339), strings.Join(is.Refused, "; "))
		case len(is.Restart) > 0:
			return doctor.Doubtful("systemctl restart neverlapse-worker", "these sections changed and count from the next start: %s", strings.Join(is.Restart, ", "))
		}
		return doctor.Good("what %s holds is in force since %s", cmp.Or(x.config().Source, "the environment"), x.app.inForce.taken().UTC().Format(time.RFC3339))
	})
}

// configured looks at the configuration in force.
func (x *examiner) configured() (out []doctor.Check) {
	c := x.config()
	out = append(out, x.taken())
	for _, n := range Notes(c) {
		out = append(out, doctor.One(doctor.Notes, "", func(context.Context) doctor.Finding { return doctor.Doubtful("change it, then: "+x.check(), "%s", n) }))
	}
	if x.app != nil {
		out = append(out, doctor.One(doctor.Neighbours, "", func(ctx context.Context) doctor.Finding {
			if err := x.app.fitsNeighbours(ctx); err != nil {
				return doctor.Bad("as it says; where that is no key of payloads, then: systemctl restart neverlapse-worker", "%s", inOneLine(err))
			}
			return doctor.Good("all workers of the queue share a store, and reach what each other reaches")
		}))
	}
	return out
}

func (x *examiner) cas() (out []doctor.Check) {
	for _, name := range slices.Sorted(maps.Keys(x.acts.CAs)) {
		c, ok := x.acts.CAs[name].(activities.Checker)
		if !ok {
			continue
		}
		out = append(out, doctor.Check{Codes: []doctor.Code{doctor.CA, doctor.CAClock}, About: name, Run: func(ctx context.Context) []doctor.Finding { return authority(c.Check(ctx)) }})
	}
	return out
}

// authority says how a CA was found, and its clock.
func authority(a cert.Authority) []doctor.Finding {
	again := "neverlapse ca check " + a.Name
	var out []doctor.Finding
	switch {
	case a.ErrStore:
		out = append(out, doctor.Bad("neverlapse doctor --only store; then: "+again, "%s answers; %s", a.Directory, a.Err))
	case a.Err != "" && a.Reached:
		out = append(out, doctor.Bad("mend it below cas in the configuration, then: "+again, "%s answers, and cannot be used: %s", a.Directory, a.Err))
	case a.Err != "":
		out = append(out, doctor.Bad("see whether it is up and reached from the worker: curl -sSI "+a.Directory+"; then: "+again, "%s: %s", a.Directory, a.Err))
	default:
		made, ari := "", "suggests no renewal times"
		if a.Made {
			made = ", made just now"
		}
		if a.RenewalInfo != "" {
			ari = "suggests renewal times (ARI)"
		}
		bound := "needs no external account binding"
		if a.EABRequired {
			bound = "accounts are bound (EAB)"
		}
		out = append(out, doctor.Good("%s: account %s is valid%s; terms %s; %s; %s", a.Directory, a.Account, made, cmp.Or(a.Terms, "none"), bound, ari))
	}
	if !a.Date.IsZero() { // in whole seconds: half of one on the average
		clock := skewed(a.AskedAt.Sub(a.Date.Add(500*time.Millisecond)), "that of "+a.Name)
		clock.Code = doctor.CAClock
		out = append(out, clock)
	}
	return out
}

// targets are looked at as before a deployment.
func (x *examiner) targets() (out []doctor.Check) {
	for _, name := range slices.Sorted(maps.Keys(x.acts.Targets)) {
		t := x.acts.Targets[name]
		if t == nil { // it could not be made, and that was said
			continue
		}
		out = append(out, doctor.One(doctor.Target, name, func(ctx context.Context) doctor.Finding {
			has, err := t.Installed(ctx)
			if err == nil || fault.Is(err, fault.NotFound) {
				if wrong := t.Preflight(ctx); wrong != nil {
					err = wrong
				}
			}
			where, _, _ := strings.Cut(strings.Join(t.Identity(), "\n"), "\n")
			switch {
			case err == nil:
				return doctor.Good("%s: it has %s, and a deployment would be let in", where, has.Fingerprint.Short())
			case fault.Is(err, fault.NotFound):
				return doctor.Good("%s: nothing is there yet, and a deployment would be let in", where)
			}
			return doctor.Bad("mend it there; then: neverlapse doctor --only targets", "%s: %s", where, inOneLine(err))
		}))
	}
	return out
}

// reached looks at the channels, and at what became of messages.
func (x *examiner) reached() (out []doctor.Check) {
	for _, ch := range x.channels() {
		r, ok := ch.Channel.(activities.Reacher)
		if !ok {
			continue
		}
		out = append(out, doctor.One(doctor.Channel, ch.Name, func(ctx context.Context) doctor.Finding {
			found, err := r.Reach(ctx)
			if err != nil {
				return doctor.Bad("mend its options below channels in the configuration; then: neverlapse alert test --channel "+ch.Name, "%s", inOneLine(err))
			}
			return doctor.Good("%s", found)
		}))
	}
	if x.store != nil {
		out = append(out, doctor.Check{Codes: []doctor.Code{doctor.Standing}, Run: x.standings}, doctor.Check{Codes: []doctor.Code{doctor.Letters}, Run: x.letters})
	}
	return out
}

func (x *examiner) standings(ctx context.Context) (out []doctor.Finding) {
	all, err := x.store.Standings(ctx)
	if err != nil {
		return []doctor.Finding{unread(err)}
	}
	for _, s := range all {
		if !slices.ContainsFunc(x.channels(), func(c activities.Channeled) bool { return c.Name == s.Channel }) {
			continue
		}
		f := doctor.Good("a message was accepted last at %s", s.LastSuccess.UTC().Format(time.RFC3339))
		again := "see its words, mend what they name, and try it: neverlapse channels; neverlapse alert test --channel " + s.Channel
		switch {
		case s.Failing:
			f = doctor.Bad(again, "it fails for everybody, last at %s: %s", s.LastFailure.UTC().Format(time.RFC3339), s.Why)
		case s.LastFailure.After(s.LastSuccess):
			f = doctor.Doubtful(again, "the last message was given up at %s: %s", s.LastFailure.UTC().Format(time.RFC3339), s.Why)
		}
		f.About = s.Channel
		out = append(out, f)
	}
	return out
}

func (x *examiner) letters(ctx context.Context) []doctor.Finding {
	letters, err := x.store.Undelivered(ctx, false)
	broken, brokenErr := x.store.Broken(ctx)
	if err := errors.Join(err, brokenErr); err != nil {
		return []doctor.Finding{unread(err)}
	}
	var out []doctor.Finding
	if n := len(letters); n > 0 {
		out = append(out, doctor.Doubtful("neverlapse undelivered", "%d messages reached nobody, and nobody has seen them; the newest is of %s, about %s", n, letters[0].At.UTC().Format(time.RFC3339), letters[0].Certificate))
	}
	d := x.config().Directory()
	for _, b := range broken {
		if d.Knows(b.Address) {
			f := doctor.Doubtful("mend it in the directory (people, teams), or say that it works again: neverlapse address ok "+b.Address, "this address leads nowhere: %s", b.Why)
			f.About = b.Address
			out = append(out, f)
		}
	}
	if len(out) == 0 {
		out = append(out, doctor.Good("every message reached somebody, and every address leads somewhere"))
	}
	return out
}

func unread(err error) doctor.Finding {
	return doctor.Bad("neverlapse doctor --only store", "the store does not tell: %s", inOneLine(err))
}

// hosts has the worker of each host look at what is there.
func (x *examiner) hosts(in activities.Examination) (out []doctor.Check) {
	if x.client == nil {
		return nil
	}
	e := engineChecks{x.config(), x.client}
	for _, h := range x.config().Hosts {
		out = append(out, e.queue(h.Name, enumspb.TASK_QUEUE_TYPE_ACTIVITY)...)
		out = append(out, doctor.Check{Codes: []doctor.Code{doctor.Answers, doctor.Configuration, doctor.Target, doctor.Disk, doctor.Files, doctor.Clock}, About: "host " + h.Name, Run: func(ctx context.Context) []doctor.Finding {
			if n, err := e.alive(ctx, h.Name, in.Each); err == nil && n == 0 {
				return nil // of who polls it was said
			}
			each := in.Each * 4 / 5 // so that what was found there is told before the time for it is over here
			found, _, err := examineOn(ctx, x.client, h.Name, activities.Examination{Only: in.Only, Each: each / 2, All: each})
			if err != nil {
				return []doctor.Finding{doctor.Bad("on that host: systemctl restart neverlapse-host@"+h.Name+"; its log: journalctl -u neverlapse-host@"+h.Name+" -n 50", "its worker does not do what it is asked for: %s", inOneLine(err))}
			}
			return append([]doctor.Finding{doctor.Good("it did what it was asked for")}, found.Findings...)
		}})
	}
	return out
}
