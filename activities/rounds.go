package activities

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

// Census tells which certificates the engine has workflows of; app implements it.
type Census interface {
	// Running lists the certificates whose workflow runs, as the index has it.
	Running(ctx context.Context) ([]Running, error)
	// Doubtful names those of which the index says that a run was ended from
	// outside, or that it does not get on.
	Doubtful(ctx context.Context) ([]string, error)
	// Guard looks a workflow up where it is kept: the index lags. The zero Guard
	// says that the engine has none.
	Guard(ctx context.Context, name string) (Guard, error)
	// Standing asks a certificate how it stands, for the store. One whose journal
	// is still being written keeps that itself, and is an error.
	Standing(ctx context.Context, name string) (cert.Snapshot, error)
}

// Running is a certificate whose workflow runs.
type Running struct {
	Name    string
	Managed bool
	Live    cert.Version
}

// Guard is how the engine has the latest run of a certificate's workflow.
type Guard struct {
	There    bool
	Running  bool
	Finished bool      // it ended by itself: the certificate was retired
	Started  time.Time // the run
	Ended    time.Time // zero: it runs
	Tries    int       // of the workflow task that is due; 0: none is
	Why      string    // why it was ended, or its task fails
	Owner    string
	Team     string
	NotAfter time.Time
}

// The ways in which nobody guards a certificate.
const (
	GuardEnded = "ended" // its workflow was terminated, or ended otherwise than by retiring
	GuardGone  = "gone"  // the engine has no workflow of it at all
	GuardStuck = "stuck" // its workflow runs and cannot go on
)

// Unguarded is a certificate that is enrolled, was not retired, and that nobody guards.
type Unguarded struct {
	Name     string    `json:"name"`
	How      string    `json:"how"`
	Why      string    `json:"why,omitempty"`
	Since    time.Time `json:"since,omitzero"` // when its run ended; zero: not known
	Owner    string    `json:"owner,omitempty"`
	Team     string    `json:"team,omitempty"`
	NotAfter time.Time `json:"notAfter,omitzero"` // of the version that was live, as far as is known
	// Kept is of when what the store keeps of it is; zero: it keeps nothing, or
	// the engine still has it.
	Kept    time.Time `json:"kept,omitzero"`
	Episode string    `json:"episode,omitempty"` // with which others it was told
}

// Round is what came of comparing what the store knows with what the engine runs.
type Round struct {
	At        time.Time   `json:"at"`
	Guarded   int         `json:"guarded"`
	Unguarded []Unguarded `json:"unguarded,omitempty"` // by name
	More      int         `json:"more,omitempty"`      // that are not listed
	// Missing are the certificates whose live version the store lacks, by name;
	// MissingMore are not listed.
	Missing     []Missing `json:"missing,omitempty"`
	MissingMore int       `json:"missingMore,omitempty"`
}

// What one round lists has to fit into one answer: so many, and of so many why.
const (
	mostUnguarded = 5000
	mostReasons   = 100
	reasonText    = 500
)

// stuckTries is after how many tries of one workflow task it counts as stuck: a
// worker that was killed costs one or two.
const stuckTries = 5

// Reconcile finds the certificates that the store knows as enrolled, or that the
// engine once guarded, and that nobody guards now.
func (a *Activities) Reconcile(ctx context.Context) (Round, error) {
	var out Round
	err := a.attended(ctx, func(ctx context.Context, progress func(string)) (err error) {
		out, err = a.reconcile(ctx, progress)
		return err
	})
	return out, err
}

func (a *Activities) reconcile(ctx context.Context, progress func(string)) (Round, error) {
	out := Round{At: a.Now().UTC()}
	known, err := a.Store.Names(ctx)
	if err != nil {
		return out, ours(err)
	}
	running, err := a.Census.Running(ctx)
	if err != nil {
		return out, err
	}
	doubtful, err := a.Census.Doubtful(ctx)
	if err != nil {
		return out, err
	}
	out.Guarded = len(running)
	if err := a.shelve(ctx, &out, running, progress); err != nil {
		return out, err
	}
	var guarded []string
	for _, r := range running {
		guarded = append(guarded, r.Name)
	}
	slices.Sort(guarded)
	slices.Sort(doubtful)
	suspects := slices.DeleteFunc(known, func(name string) bool { return found(guarded, name) })
	for _, name := range doubtful {
		if cert.ValidateName(name) == nil { // the index has what anybody started
			suspects = append(suspects, name)
		}
	}
	slices.Sort(suspects)
	for _, name := range slices.Compact(suspects) {
		progress("is " + name + " guarded?")
		u, err := a.unguarded(ctx, name, found(doubtful, name))
		switch {
		case err != nil:
			return out, fmt.Errorf("certificate %s: %w", name, err)
		case u == nil:
			continue
		case u.How == GuardStuck && found(guarded, name):
			out.Guarded--
		}
		out.add(*u)
	}
	return out, nil
}

func found(sorted []string, name string) bool {
	_, ok := slices.BinarySearch(sorted, name)
	return ok
}

func (r *Round) add(u Unguarded) {
	switch n := len(r.Unguarded); {
	case n == mostUnguarded:
		r.More++
		return
	case n >= mostReasons:
		u.Why = ""
	}
	r.Unguarded = append(r.Unguarded, u)
}

// unguarded tells how nobody guards a certificate; nil if somebody does, or it
// was retired. The journal is asked first: of most that are not running it says
// that they were retired.
func (a *Activities) unguarded(ctx context.Context, name string, doubtful bool) (*Unguarded, error) {
	entries, err := a.Store.Entries(ctx, name)
	if err != nil && !fault.Is(err, fault.Configuration) { // a damaged journal tells what it still can
		return nil, ours(err)
	}
	last := lastStanding(entries)
	if last.Kind != entryEnrolled && !doubtful {
		return nil, nil
	}
	g, err := a.Census.Guard(ctx, name)
	if err != nil {
		return nil, err
	}
	u := &Unguarded{Name: name, Why: g.Why, Since: g.Ended, Owner: g.Owner, Team: g.Team, NotAfter: g.NotAfter}
	switch {
	case g.Finished, g.Running && g.Tries < stuckTries:
		return nil, nil
	case g.Running:
		u.How = GuardStuck
	case !g.There && last.Kind != entryEnrolled, last.Kind == entryRetired && !last.At.Before(g.Started):
		return nil, nil
	case !g.There:
		u.How, u.Why = GuardGone, last.Text
		err = a.remember(ctx, u)
	default:
		u.How = GuardEnded
	}
	u.Why = shortened(u.Why, reasonText)
	return u, err
}

// remember fills in what the store knows of a certificate that the engine lost.
func (a *Activities) remember(ctx context.Context, u *Unguarded) error {
	n, err := a.Store.Snapshot(ctx, u.Name)
	if err != nil && !fault.Is(err, fault.NotFound) && !fault.Is(err, fault.Configuration) {
		return ours(err)
	}
	if err == nil {
		u.Owner, u.Team, u.NotAfter, u.Kept = n.Owner, n.Team, n.NotAfter, n.At
	}
	live, err := a.proven(ctx, u.Name)
	if live.NotAfter.After(u.NotAfter) {
		u.NotAfter = live.NotAfter
	}
	return err
}

// InWords says how nobody guards it.
func (u Unguarded) InWords() string {
	switch u.How {
	case GuardGone:
		text := "the engine has lost its workflow"
		if u.Why != "" {
			text += "; the journal says: " + u.Why
		}
		return text
	case GuardStuck:
		return "its workflow cannot go on: " + u.Why
	}
	if u.Why == "" {
		return "its workflow was ended from outside"
	}
	return u.Why
}

// Mend is the command that brings it back; "" where there is none.
func (u Unguarded) Mend() string {
	switch {
	case u.Restorable():
		return "neverlapse restore " + u.Name
	case u.Lost():
		return "neverlapse history " + u.Name
	}
	return ""
}

// Lost reports whether the engine has nothing of it.
func (u Unguarded) Lost() bool { return u.How == GuardGone }

// Restorable reports whether it can be brought back: by the engine where it was
// ended, from the store where it was lost.
func (u Unguarded) Restorable() bool {
	return u.How == GuardEnded || u.Lost() && !u.Kept.IsZero()
}
