package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/neverlapse/neverlapse/internal/app"
	"github.com/neverlapse/neverlapse/workflows"
)

// restorers is how many certificates are restored at once.
const restorers = 8

// The outcomes of a restoration.
const (
	restoredIt   = "restored"
	guardedIt    = "guarded"
	failedIt     = "failed"
	wouldRestore = "would be restored"
)

// restoredView is the JSON of one certificate; its names are a contract with scripts.
type restoredView struct {
	Name    string    `json:"name"`
	How     string    `json:"how"` // nobody guarded it: ended, gone, stuck
	Outcome string    `json:"outcome"`
	Kept    time.Time `json:"kept,omitzero"` // of when what the store kept is; none: the engine had it
	Text    string    `json:"text,omitempty"`
}

// restored is what became of the certificates, each once.
type restored struct{ views []restoredView }

func (r *restored) add(v restoredView) { r.views = append(r.views, v) }

func (r *restored) has(name string) bool {
	return slices.ContainsFunc(r.views, func(v restoredView) bool { return v.Name == name })
}

// sort lists those that are to be restored, and notes those that cannot be. What
// was tried before is not tried again.
func (r *restored) sort(found []unguardedView) (todo []unguardedView) {
	for _, u := range found {
		switch {
		case r.has(u.Name):
		case u.Restorable():
			todo = append(todo, u)
		case u.Lost():
			r.add(restoredView{Name: u.Name, How: u.How, Outcome: failedIt, Text: "the store keeps nothing by which it could be begun again; enroll it again, and see how it was by: neverlapse history " + u.Name})
		default:
			r.add(restoredView{Name: u.Name, How: u.How, Outcome: failedIt, Text: u.InWords()})
		}
	}
	return todo
}

func (c *cli) listLost(found watchmanView) error {
	t := table{head: []string{"NAME", "HOW", "ENDS", "WOULD GO ON"}}
	for _, u := range found.Unguarded {
		on := "not by this: " + u.InWords()
		if u.Restorable() {
			on = strings.TrimSpace(c.asKept(u.Kept))
		}
		t.add(clean(u.Name, 60), u.How, c.when(u.NotAfter), clean(on, 160))
	}
	if len(found.Unguarded) == 0 {
		c.say("the round of %s found %d certificates guarded, and none that is not", c.when(found.Round), found.Guarded)
		return nil
	}
	if err := t.write(c.out, "", c.paint); err != nil {
		return err
	}
	if found.More > 0 {
		c.say("and %d more", found.More)
	}
	return nil
}

func (c *cli) confirmRestore(in io.Reader, n int) error {
	fmt.Fprintf(c.errs, "Type %d to restore %s: ", n, plural(n, "certificate"))
	line, _ := bufio.NewReader(in).ReadString('\n')
	if strings.TrimSpace(line) != fmt.Sprint(n) {
		return problem{exitRefused, "not confirmed: nothing was restored (without a terminal, --yes confirms)"}
	}
	return nil
}

// reviveMany restores some at once. The error is what nothing that follows could
// fare better with.
func (c *cli) reviveMany(ctx context.Context, req workflows.Request, todo []unguardedView, all *restored) error {
	bar := c.newProgress(len(todo))
	defer bar.end()
	var mu sync.Mutex
	group, working := errgroup.WithContext(ctx)
	group.SetLimit(restorers)
	for _, u := range todo {
		group.Go(func() error {
			if working.Err() != nil {
				return working.Err()
			}
			one := req
			one.ID += "/" + u.Name
			v := restoredView{Name: u.Name, How: u.How, Outcome: restoredIt}
			var err error
			v.Kept, err = c.revive(working, u.Name, one)
			switch {
			case errors.Is(err, app.ErrGuarded): // the index lags
				v.Outcome = guardedIt
			case err != nil && ends(working, err):
				return err
			case err != nil:
				v.Outcome, v.Text = failedIt, c.explain(err).text
			}
			mu.Lock()
			defer mu.Unlock()
			all.add(v)
			bar.step()
			return nil
		})
	}
	return group.Wait()
}

// shown tells what would be done.
func (r *restored) shown(c *cli, todo []unguardedView) error {
	if c.text() {
		c.remark("%s would be restored, %d cannot be; nothing was sent (--dry-run)", plural(len(todo), "certificate"), len(r.views))
		return nil
	}
	for _, u := range todo {
		r.add(restoredView{Name: u.Name, How: u.How, Outcome: wouldRestore, Kept: u.Kept})
	}
	slices.SortFunc(r.views, func(a, b restoredView) int { return strings.Compare(a.Name, b.Name) })
	return results(c, r.views)
}

// ended tells what became of all; err is what ended the run before its end.
func (r *restored) ended(ctx context.Context, c *cli, err error) error {
	slices.SortFunc(r.views, func(a, b restoredView) int { return strings.Compare(a.Name, b.Name) })
	counts := map[string]int{}
	for _, v := range r.views {
		counts[v.Outcome]++
		if v.Outcome == failedIt && c.text() {
			c.say("%s was not restored: %s", clean(v.Name, 0), cleanLines(v.Text))
		}
	}
	if !c.text() {
		if err := results(c, append([]restoredView{}, r.views...)); err != nil {
			return err
		}
	}
	if len(r.views) > 0 {
		c.remark("%d restored, %d guarded already, %d could not be restored", counts[restoredIt], counts[guardedIt], counts[failedIt])
	}
	const again = "what was restored stays restored, run it again to complete"
	switch {
	case ctx.Err() != nil:
		return problem{exitFailed, "stopped; " + again}
	case err != nil && len(r.views) > 0:
		p := c.explain(err)
		return problem{p.code, p.text + "\nit stopped; " + again}
	case err != nil:
		return err
	case counts[failedIt] > 0:
		return problem{exitRefused, fmt.Sprintf("%d of %s could not be restored; why stands above", counts[failedIt], plural(len(r.views), "certificate"))}
	}
	return nil
}
