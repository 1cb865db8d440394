package activities

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

// Missing is a certificate whose live version was issued here and is not in the
// store, as after an older backup was restored.
type Missing struct {
	Name        string           `json:"name"`
	Fingerprint cert.Fingerprint `json:"fingerprint"`
	NotAfter    time.Time        `json:"notAfter"`
}

// Bounds of comparing what runs with the store.
const (
	mostMissing   = 1000 // that one round lists
	mostSnapshots = 2000 // that one round takes; the next goes on
	storeAbreast  = 16
)

// Shelf is what the store lacks of the certificates that run, by name.
type Shelf struct {
	Missing  []Missing
	Unkept   []string // of which it has no snapshot
	Compared int      // managed ones with a version that was issued here
}

// Compare looks in the store for the live version and the snapshot of each
// certificate; neither is opened.
func Compare(ctx context.Context, s Snapshots, running []Running, progress func(string)) (Shelf, error) {
	var out Shelf
	var mu sync.Mutex
	err := abreast(ctx, running, func(ctx context.Context, r Running) error {
		progress("does the store have " + r.Name + "?")
		issuedHere := r.Managed && r.Live.CA != ""
		var live cert.Fingerprint
		if issuedHere {
			live = r.Live.Fingerprint
		}
		version, snapshot, err := s.Has(ctx, r.Name, live)
		switch {
		case fault.Is(err, fault.Invalid): // the index has what anybody started
			return nil
		case err != nil:
			return fmt.Errorf("certificate %s: %w", r.Name, err)
		}
		mu.Lock()
		defer mu.Unlock()
		if !snapshot {
			out.Unkept = append(out.Unkept, r.Name)
		}
		if !issuedHere {
			return nil
		}
		out.Compared++
		if !version {
			out.Missing = append(out.Missing, Missing{r.Name, live, r.Live.NotAfter})
		}
		return nil
	})
	slices.Sort(out.Unkept)
	slices.SortFunc(out.Missing, func(a, b Missing) int { return cmp.Compare(a.Name, b.Name) })
	return out, err
}

// abreast does something with each of many, some at once, until one fails.
func abreast[T any](ctx context.Context, all []T, do func(context.Context, T) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	next := make(chan T)
	var working sync.WaitGroup
	for range min(storeAbreast, len(all)) {
		working.Go(func() {
			for one := range next {
				if err := do(ctx, one); err != nil {
					cancel(err)
					return
				}
			}
		})
	}
	for _, one := range all {
		select {
		case next <- one:
			continue
		case <-ctx.Done():
		}
		break
	}
	close(next)
	working.Wait()
	return context.Cause(ctx)
}

// shelve finds the live versions that the store lacks, and has it keep what an
// earlier release did not, or a backup does not have.
func (a *Activities) shelve(ctx context.Context, out *Round, running []Running, progress func(string)) error {
	shelf, err := Compare(ctx, a.Store, running, progress)
	if err != nil {
		return ours(err)
	}
	n := min(len(shelf.Missing), mostMissing)
	out.Missing, out.MissingMore = shelf.Missing[:n], len(shelf.Missing)-n
	return abreast(ctx, shelf.Unkept[:min(len(shelf.Unkept), mostSnapshots)], func(ctx context.Context, name string) error {
		progress("keep how " + name + " stands")
		last, err := a.lastEntry(ctx, name) // before it is asked: what it writes meanwhile is newer
		if err != nil {
			return nil // the next round tries again
		}
		snapshot, err := a.Census.Standing(ctx, name)
		if err != nil {
			return nil
		}
		snapshot.Sequence = max(last, 1)
		return ours(a.Store.PutSnapshot(ctx, name, snapshot))
	})
}
