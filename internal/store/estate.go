package store

import (
	"context"
	"encoding/json"
	"fmt"
	"path"
	"regexp"

	"github.com/neverlapse/neverlapse/internal/estate"
	"github.com/neverlapse/neverlapse/internal/fault"
)

const (
	manifestFile = "manifest.json"
	standingFile = "standing.json"
	runFile      = "run.json"
	stepFolder   = "steps"
	triageFile   = "triage.json"
)

var sourcePattern = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,199}$`)

// inventory is the room of what people decided about certificates that nobody
// enrolled, beside the rooms of the sources.
func (s *Store) inventory() records { return records{s.room("inventory")} }

// source is the room of what one source saw.
func (s *Store) source(name string) (records, error) {
	if !sourcePattern.MatchString(name) {
		return records{}, fault.New(fault.Invalid, "store: %q is not the name of a source", name)
	}
	return records{s.room(path.Join("inventory", "source", name), stepFolder)}, nil
}

// Manifest gives what a source saw up to its last run; an empty one if it never ran.
func (s *Store) Manifest(ctx context.Context, source string) (estate.Manifest, error) {
	m := estate.Manifest{Source: source}
	r, err := s.source(source)
	if err == nil {
		err = absent(r.get(ctx, manifestFile, &m))
	}
	return m, err
}

// PutManifest replaces the manifest of a source if its Revision is the next after
// the stored one; fault.Conflict otherwise. It is written without indentation:
// it may have very many places.
func (s *Store) PutManifest(ctx context.Context, m estate.Manifest) error {
	r, err := s.source(m.Source)
	if err != nil {
		return err
	}
	return r.locked(ctx, func(in room) error { return records{in}.next(ctx, manifestFile, m.Revision, m) })
}

// next writes a file whose revision follows the one that is there.
func (r records) next(ctx context.Context, elem string, revision int, from any) error {
	var old struct{ Revision int }
	if err := absent(r.get(ctx, elem, &old)); err != nil {
		return err
	}
	if old.Revision+1 != revision {
		return fault.New(fault.Conflict, "store %s: revision %d is there, so the next is not %d; somebody else changed it", r.join(elem), old.Revision, revision)
	}
	return r.dense(ctx, elem, from)
}

// dense writes JSON without indentation.
func (r records) dense(ctx context.Context, elem string, from any) error {
	data, err := json.Marshal(from)
	if err != nil {
		return fault.New(fault.Invalid, "store: %w", err)
	}
	return r.write(ctx, elem, append(data, '\n'))
}

func absent(err error) error {
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	return err
}

// stepOf is a page of a run as it is kept.
type stepOf struct {
	Run  string      `json:"run"`
	Step estate.Step `json:"step"`
}

func stepFile(page int) string { return path.Join(stepFolder, fmt.Sprintf("%08d.json", page)) }

// BeginRun begins a run of a source in place of any other, or gives one that has
// begun already as it began, with its steps.
func (s *Store) BeginRun(ctx context.Context, source string, run estate.Run) (begun estate.Run, steps []estate.Step, err error) {
	r, err := s.source(source)
	if err != nil {
		return run, nil, err
	}
	err = r.locked(ctx, func(in room) error {
		r := records{in}
		begun, steps = estate.Run{}, nil
		if err := absent(r.get(ctx, runFile, &begun)); err != nil {
			return err
		}
		if begun.ID == run.ID {
			steps, err = r.steps(ctx, run.ID)
			return err
		}
		begun = run
		if err := r.dense(ctx, runFile, run); err != nil {
			return err
		}
		return r.dropSteps(ctx)
	})
	return begun, steps, err
}

// steps reads the pages of a run, in order. Those of another one count for nothing.
func (r records) steps(ctx context.Context, run string) (out []estate.Step, err error) {
	for page := 1; ; page++ {
		var s stepOf
		err := r.get(ctx, stepFile(page), &s)
		if fault.Is(err, fault.NotFound) || err == nil && s.Run != run {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		out = append(out, s.Step)
	}
}

func (r records) dropSteps(ctx context.Context) error {
	names, err := r.view.List(ctx, stepFolder)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := r.change.Remove(ctx, path.Join(stepFolder, name)); err != nil {
			return err
		}
	}
	return nil
}

// AddStep keeps a page of a run. A step of the same page that is there already is
// replaced, and those after it count no more. fault.Conflict: another run has begun.
func (s *Store) AddStep(ctx context.Context, source, run string, step estate.Step) error {
	r, err := s.source(source)
	if err != nil {
		return err
	}
	if step.Page < 1 {
		return fault.New(fault.Invalid, "run of source %s: page %d: they count from 1", source, step.Page)
	}
	return r.locked(ctx, func(in room) error {
		r := records{in}
		var begun estate.Run
		if err := absent(r.get(ctx, runFile, &begun)); err != nil {
			return err
		}
		if begun.ID != run {
			return fault.New(fault.Conflict, "run %s of source %s has not begun, or has ended, or another one has begun", run, source)
		}
		after, err := r.has(ctx, stepFile(step.Page+1))
		if err != nil {
			return err
		}
		if after {
			if err := r.change.Remove(ctx, stepFile(step.Page+1)); err != nil {
				return err
			}
		}
		return r.dense(ctx, stepFile(step.Page), stepOf{run, step})
	})
}

// EndRun keeps how a source stands after a run, and drops the steps of that run.
func (s *Store) EndRun(ctx context.Context, st estate.Standing) error {
	r, err := s.source(st.Source)
	if err != nil {
		return err
	}
	return r.locked(ctx, func(in room) error {
		r := records{in}
		if err := r.put(ctx, standingFile, st); err != nil {
			return err
		}
		var begun estate.Run
		if err := absent(r.get(ctx, runFile, &begun)); err != nil || begun.ID != st.Last.ID {
			return err
		}
		if err := r.change.Remove(ctx, runFile); err != nil {
			return err
		}
		return r.dropSteps(ctx)
	})
}

// SourceStanding gives how a source stands; the zero standing if it never ran.
func (s *Store) SourceStanding(ctx context.Context, source string) (estate.Standing, error) {
	st := estate.Standing{Source: source}
	r, err := s.source(source)
	if err == nil {
		err = absent(r.get(ctx, standingFile, &st))
	}
	return st, err
}

// Triage gives what was decided about certificates that nobody enrolled.
func (s *Store) Triage(ctx context.Context) (t estate.Triage, err error) {
	err = absent(s.inventory().get(ctx, triageFile, &t))
	return t, err
}

// PutTriage replaces it if its Revision is the next; fault.Conflict otherwise.
func (s *Store) PutTriage(ctx context.Context, t estate.Triage) error {
	return s.inventory().locked(ctx, func(in room) error { return records{in}.next(ctx, triageFile, t.Revision, t) })
}
