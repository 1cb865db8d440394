package activities

import (
	"context"

	"github.com/neverlapse/neverlapse/internal/estate"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/people"
)

// may holds somebody of the directory to what they may do. Whoever types has the
// engine at hand, so a stranger is trusted. mend adds to a refusal how it can be
// done all the same.
func (a *Activities) may(who string, ask func(people.Directory) error, mend func(people.Directory) string) error {
	d := a.Directory()
	if _, known := d.Person(who); !known {
		return nil
	}
	if err := ask(d); err != nil {
		return fault.New(fault.Invalid, "%w; %s", err, mend(d))
	}
	return nil
}

// mayAdmit tells why somebody may not enrol or change a certificate. now is whose
// it is, and of one that is not enrolled yet whose it is to be: everybody enrols
// what will be theirs to operate. What is adopted is theirs to decide about before.
func (a *Activities) mayAdmit(ctx context.Context, r AdmitRequest, now Holding) error {
	if r.Adopts != "" {
		if err := a.mayAdopt(ctx, r); err != nil {
			return err
		}
	}
	asked := people.Asked{Verb: people.Enroll, Certificate: r.Name, Owner: now.Owner, Team: now.Team}
	if r.Change {
		asked.Verb = people.SetSpec
	}
	return a.may(r.By, func(d people.Directory) error { return d.May(r.By, asked) }, func(d people.Directory) string {
		mend := "ask one of them"
		if own := (people.Asked{Verb: people.Enroll, Owner: r.By}); !r.Change && d.May(r.By, own) == nil {
			mend += ", or enroll it as your own (owner " + r.By + ") or as your team's"
		}
		return mend
	})
}

func (a *Activities) mayAdopt(ctx context.Context, r AdmitRequest) error {
	if _, known := a.Directory().Person(r.By); !known {
		return nil
	}
	found, err := a.strays(ctx, string(r.Adopts))
	if err != nil {
		return err
	}
	if len(found) != 1 {
		return fault.New(fault.Conflict, "%s is not in triage any more: it was enrolled meanwhile, or no source sees it; see: neverlapse where", r.Adopts.Short())
	}
	return a.mayDecide(r.By, found[0])
}

// mayDecide tells why somebody may not decide about a certificate in triage.
func (a *Activities) mayDecide(who string, s estate.Stray) error {
	return a.may(who, func(d people.Directory) error { return s.May(d, who) }, func(people.Directory) string {
		return "ask one of them to decide, or to give it to you: neverlapse triage assign " + s.Record.Key.Short() + " --owner " + who
	})
}
