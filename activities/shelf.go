package activities

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

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
	group, working := errgroup.WithContext(ctx)
	group.SetLimit(storeAbreast)
	for _, r := range running {
		group.Go(func() error {
			progress("does the store have " + r.Name + "?")
			issuedHere := r.Managed && r.Live.CA != ""
			var live cert.Fingerprint
			if issuedHere {
				live = r.Live.Fingerprint
			}
			version, snapshot, err := s.Has(working, r.Name, live)
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
	}
	err := group.Wait()
	slices.Sort(out.Unkept)
	slices.SortFunc(out.Missing, func(a, b Missing) int { return cmp.Compare(a.Name, b.Name) })
	return out, err
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
	var group errgroup.Group
	group.SetLimit(storeAbreast)
	for _, name := range shelf.Unkept[:min(len(shelf.Unkept), mostSnapshots)] {
		group.Go(func() error {
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
	return group.Wait()
}
