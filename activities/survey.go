package activities

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/estate"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/scan/source"
)

// Sourced is a configured source of the inventory.
type Sourced struct {
	Name   string
	Kind   string
	Source source.Source
}

// Herald tells an enrolled certificate what a source saw, or was asked for; app
// implements it. One that is not there any more is no error.
type Herald interface {
	Observed(ctx context.Context, name string, seen []cert.Observation) error
	Elsewhere(ctx context.Context, name string, asked AskedElsewhere) error
}

// stretch is how long one activity goes through the pages of a source before it
// lets the workflow say where it is.
const stretch = 3 * time.Minute

// SurveyInput names a run of a source. ID is the same however often it is begun.
type SurveyInput struct {
	Source string    `json:"source"`
	Run    string    `json:"run"`
	Begun  time.Time `json:"begun"`
	Broken string    `json:"broken,omitempty"` // EndSurvey: why it ends before its last page
}

// Surveyed is how far a run is.
type Surveyed struct {
	Done     bool   `json:"done"` // the last page was seen
	Pages    int    `json:"pages"`
	Seen     int    `json:"seen"`
	Troubled int    `json:"troubled"`
	About    string `json:"about,omitempty"` // where it is, in the words of the source
}

func (a *Activities) source(name string) (Sourced, error) {
	if a.Sources != nil {
		if s, ok := a.Sources()[name]; ok {
			return s, nil
		}
	}
	return Sourced{}, fault.New(fault.Unavailable, "source %q is not configured on this worker; another one may have it", name)
}

// LookAtSource goes on with a run of a source where it is, page by page. Each page
// is kept before the next is asked for, so that whoever takes over after a crash
// repeats one page at most.
func (a *Activities) LookAtSource(ctx context.Context, in SurveyInput) (Surveyed, error) {
	var out Surveyed
	err := a.attended(ctx, func(ctx context.Context, progress func(string)) (err error) {
		out, err = a.survey(ctx, in, progress)
		return err
	})
	return out, err
}

func (a *Activities) survey(ctx context.Context, in SurveyInput, progress func(string)) (out Surveyed, err error) {
	src, err := a.source(in.Source)
	if err != nil {
		return out, err
	}
	m, err := a.Store.Manifest(ctx, in.Source)
	if err != nil {
		return out, ours(err)
	}
	_, steps, err := a.Store.BeginRun(ctx, in.Source, estate.Run{ID: in.Run, Started: in.Begun.UTC()})
	if err != nil {
		return out, ours(err)
	}
	page := m.Resume
	for _, s := range steps {
		out.add(s)
		page = s.Next
	}
	until := a.Now().Add(stretch)
	for len(steps) == 0 || page != nil {
		if out.Pages > 0 && a.Now().After(until) {
			return out, nil
		}
		say := func(text string) { progress(out.text(text)) }
		say("")
		seen, err := src.Source.Look(ctx, page, say)
		if fault.Is(err, fault.Invalid) && len(steps) == 0 && page != nil { // the source was another kind then
			page = nil
			continue
		}
		if err != nil {
			return out, fmt.Errorf("source %s, page %d: %w", in.Source, out.Pages+1, err)
		}
		if err := seen.Validate(); err != nil {
			return out, fault.New(fault.Configuration, "source %s, page %d: the %s source breaks its contract: %w", in.Source, out.Pages+1, src.Kind, err)
		}
		s := m.Step(out.Pages+1, a.Now(), seen)
		if err := a.Store.AddStep(ctx, in.Source, in.Run, s); err != nil {
			return out, ours(err)
		}
		steps, page = append(steps, s), s.Next
		out.add(s)
		out.About = seen.About
	}
	out.Done = true
	return out, nil
}

func (s *Surveyed) add(step estate.Step) {
	s.Pages++
	s.Seen += step.Seen
	s.Troubled += step.Troubled
}

// text says how far it is, for people who look at heartbeats.
func (s *Surveyed) text(doing string) string {
	text := fmt.Sprintf("page %d, %d certificates seen", s.Pages+1, s.Seen)
	for _, more := range []string{s.About, doing} {
		if more != "" {
			text += "; " + more
		}
	}
	return text
}

// EndSurvey closes a run: the manifest takes in what changed, and how the source
// stands is kept. It can be repeated.
func (a *Activities) EndSurvey(ctx context.Context, in SurveyInput) (estate.Standing, error) {
	var out estate.Standing
	err := a.attended(ctx, func(ctx context.Context, _ func(string)) (err error) {
		out, err = a.endSurvey(ctx, in)
		return err
	})
	return out, err
}

func (a *Activities) endSurvey(ctx context.Context, in SurveyInput) (estate.Standing, error) {
	before, err := a.Store.SourceStanding(ctx, in.Source)
	if err != nil || before.Last.ID == in.Run {
		return before, ours(err)
	}
	m, err := a.Store.Manifest(ctx, in.Source)
	if err != nil {
		return before, ours(err)
	}
	run, steps, err := a.Store.BeginRun(ctx, in.Source, estate.Run{ID: in.Run, Started: in.Begun.UTC()})
	if err != nil {
		return before, ours(err)
	}
	run, changed := m.Close(run, steps, in.Broken, a.Now())
	if changed {
		m.Revision++
		if err := a.Store.PutManifest(ctx, m); err != nil {
			return before, ours(err)
		}
	}
	if s, err := a.source(in.Source); err == nil {
		before.Kind = s.Kind
	}
	out := m.Stands(before, run)
	return out, ours(a.Store.EndRun(ctx, out))
}

// TellEnrolled compares what a source saw with what is enrolled, and tells the
// certificates whose places show something else than they were told last. It
// gives how many were told.
func (a *Activities) TellEnrolled(ctx context.Context, name string) (int, error) {
	told := 0
	err := a.attended(ctx, func(ctx context.Context, progress func(string)) (err error) {
		told, err = a.tellEnrolled(ctx, name, progress)
		return err
	})
	return told, err
}

func (a *Activities) tellEnrolled(ctx context.Context, name string, progress func(string)) (told int, err error) {
	m, err := a.Store.Manifest(ctx, name)
	if err != nil {
		return 0, ours(err)
	}
	standing, err := a.Store.SourceStanding(ctx, name)
	if err != nil {
		return 0, ours(err)
	}
	all, err := a.enrolled(ctx)
	if err != nil {
		return 0, err
	}
	asked, err := a.askStore(ctx, &m, all, progress)
	if err != nil {
		return 0, err
	}
	words, changed := m.Compare(all, standing.Last)
	var errs []error
	for _, w := range words {
		progress("tell " + w.Name + " what was seen")
		if err := a.Herald.Observed(ctx, w.Name, w.Observations); err != nil {
			errs = append(errs, err)
		}
	}
	if len(errs) > 0 { // nothing is kept: all are told again
		return 0, errors.Join(errs...)
	}
	if asked || changed || len(words) > 0 {
		m.Revision++
		err = a.Store.PutManifest(ctx, m)
	}
	return len(words), ours(err)
}

// askStore compares issuances that are new and that no enrolled certificate has
// with all that the store keeps: what was replaced, is not live yet, was retired.
func (a *Activities) askStore(ctx context.Context, m *estate.Manifest, all []estate.Enrolled, progress func(string)) (asked bool, err error) {
	unknown := m.Unasked(all)
	if len(unknown) == 0 {
		return false, nil
	}
	names, err := a.Store.Names(ctx)
	if err != nil {
		return false, ours(err)
	}
	known := map[estate.Key]string{}
	for _, name := range names {
		progress("was one of them issued here, for " + name)
		versions, err := a.Store.Versions(ctx, name)
		if fault.Is(err, fault.Unavailable) || fault.Is(err, fault.Transient) || ctx.Err() != nil {
			return false, ours(err)
		}
		for _, v := range versions { // what is damaged is not known to be ours
			if key := estate.IssuanceOf(v); unknown[key] {
				known[key] = name
			}
		}
	}
	m.Answer(unknown, known)
	return true, nil
}

// enrolled lists every enrolled certificate.
func (a *Activities) enrolled(ctx context.Context) (out []estate.Enrolled, err error) {
	for token := []byte(nil); ; {
		page, next, err := a.Roll.Enrolled(ctx, token)
		if err != nil {
			return nil, err
		}
		for _, e := range page {
			out = append(out, estate.Enrolled{Name: e.Name, Owner: e.Owner, Team: e.Team, Environment: e.Environment, Live: e.Live.Fingerprint, Version: e.Live, Endpoints: e.Endpoints})
		}
		if token = next; len(next) == 0 {
			return out, nil
		}
	}
}
