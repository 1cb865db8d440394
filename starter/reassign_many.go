package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/workflows"
)

// givers is how many certificates are given at once.
const givers = 16

// giving is what to give to whom.
type giving struct {
	to, team  string
	owner     string
	selectors []string
	dry       bool
}

// The outcomes of a giving.
const (
	gaveIt    = "given"
	hadIt     = "unchanged"
	refusedIt = "refused"
	wouldGive = "would be given"
)

// givenView is the JSON of one certificate; its names are a contract with scripts.
type givenView struct {
	Name    string `json:"name"`
	Owner   string `json:"owner,omitempty"` // before
	Team    string `json:"team,omitempty"`
	Outcome string `json:"outcome"` // given, unchanged, refused, would be given
	Text    string `json:"text,omitempty"`
}

func (c *cli) giveMany(ctx context.Context, req workflows.Request, names []string, g giving) error {
	rows, err := c.giveable(ctx, names, g.selectors)
	if err != nil {
		return err
	}
	if len(rows) == 0 {
		return problem{exitNotFound, "no certificate matches " + strings.Join(g.selectors, ", ")}
	}
	if err := c.receives(ctx, rows[0].Name, g.to, g.team); err != nil {
		return err
	}
	done := make([]givenView, len(rows))
	bar := c.newProgress(len(rows))
	defer bar.end()
	var mu sync.Mutex
	group, working := errgroup.WithContext(ctx)
	group.SetLimit(givers)
	for i, r := range rows {
		group.Go(func() error {
			v, err := c.give(working, req, r, g)
			mu.Lock()
			defer mu.Unlock()
			done[i] = v
			bar.step()
			return err
		})
	}
	err = group.Wait()
	bar.end()
	return c.gave(ctx, done, err)
}

// giveable lists what is meant, in the order of the names.
func (c *cli) giveable(ctx context.Context, names, selectors []string) ([]row, error) {
	switch {
	case len(names) > 0 && len(selectors) > 0:
		return nil, usage("names and --owner or --selector do not go together; use one of them")
	case len(names) == 0 && len(selectors) == 0:
		return nil, usage("which certificates? name some, or say --owner PERSON or --selector KEY=VALUE")
	case slices.ContainsFunc(selectors, func(s string) bool { return strings.HasPrefix(s, "ca=") }):
		return nil, usage("--selector: ca is not known here; use issuer")
	}
	for i, n := range names {
		name, err := certificateName(n)
		if err != nil {
			return nil, err
		}
		names[i] = name
	}
	query, _, err := selection(selectors)
	if err != nil {
		return nil, err
	}
	rows, err := c.rows(ctx, query)
	if err != nil {
		return nil, err
	}
	if len(names) > 0 {
		found := rows
		rows = nil
		for _, n := range names {
			r := row{Name: n}
			if i := slices.IndexFunc(found, func(r row) bool { return r.Name == n }); i >= 0 {
				r = found[i]
			}
			rows = append(rows, r)
		}
		return rows, nil
	}
	slices.SortFunc(rows, func(a, b row) int { return strings.Compare(a.Name, b.Name) })
	return rows, nil
}

// give gives one. The error is what nothing that follows could fare better with.
func (c *cli) give(ctx context.Context, req workflows.Request, r row, g giving) (givenView, error) {
	v := givenView{Name: r.Name, Owner: r.Owner, Team: r.Team}
	now := lifecycle.Ownership{Owner: r.Owner, Team: r.Team}
	to := lifecycle.Ownership{Owner: g.to, Team: g.team}
	switch {
	case theirs(now, to):
		v.Outcome = hadIt
		return v, nil
	case g.dry:
		v.Outcome = wouldGive
		return v, nil
	}
	req.ID += "/" + r.Name
	out, err := call(ctx, c, workflows.Reassign, r.Name, workflows.ReassignRequest{Request: req, Owner: g.to, Team: g.team})
	switch {
	case err == nil:
		v.Outcome, v.Text = gaveIt, out.Text
		return v, nil
	case ends(ctx, err):
		return v, err
	}
	v.Outcome, v.Text = refusedIt, c.explain(err).text
	if s, asked := c.ask(ctx, r.Name); asked == nil && theirs(s.State.Spec.Ownership(), to) { // the index lags
		v.Outcome, v.Text = hadIt, ""
	}
	return v, nil
}

// theirs reports whether what is asked for holds already.
func theirs(now, to lifecycle.Ownership) bool {
	return (to.Owner == "" || now.Owner == to.Owner) && (to.Team == "" || now.Team == to.Team)
}

// gave tells what became of all; err is what ended the run before its end.
func (c *cli) gave(ctx context.Context, done []givenView, err error) error {
	counts := map[string]int{}
	t := table{head: []string{"NAME", "WAS", "RESULT", "WHY"}}
	done = slices.DeleteFunc(done, func(v givenView) bool { return v.Outcome == "" })
	for _, v := range done {
		counts[v.Outcome]++
		why := ""
		if v.Outcome == refusedIt {
			why = v.Text
		}
		t.add(clean(v.Name, 0), clean(lifecycle.Ownership{Owner: v.Owner, Team: v.Team}.String(), 0), v.Outcome, dash(why))
	}
	if c.text() {
		if err := t.write(c.out, "", c.paint); err != nil {
			return err
		}
	} else if err := results(c, done); err != nil {
		return err
	}
	line := fmt.Sprintf("%s: %d given, %d unchanged, %d refused", plural(len(done), "certificate"), counts[gaveIt], counts[hadIt], counts[refusedIt])
	if n := counts[wouldGive]; n > 0 {
		line = fmt.Sprintf("%s would be given, %d unchanged; nothing was sent (--dry-run)", plural(n, "certificate"), counts[hadIt])
	}
	c.remark("%s", line)
	switch {
	case ctx.Err() != nil:
		return problem{exitFailed, "stopped; what was given stays given, run it again to complete"}
	case err != nil:
		p := c.explain(err)
		return problem{p.code, p.text + "\nit stopped; what was given stays given, run it again to complete"}
	case counts[refusedIt] > 0:
		return problem{exitRefused, fmt.Sprintf("%d of %s were refused; their reasons stand above", counts[refusedIt], plural(len(done), "certificate"))}
	}
	return nil
}
