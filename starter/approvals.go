package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/internal/people"
	"github.com/neverlapse/neverlapse/workflows"
)

// pendingView is the JSON of what waits for approval; its names are a contract with scripts.
type pendingView struct {
	Name       string           `json:"name"`
	Owner      string           `json:"owner,omitempty"`
	Team       string           `json:"team,omitempty"`
	Step       string           `json:"step"`              // issue or deploy
	Version    cert.Fingerprint `json:"version,omitempty"` // that is deployed
	Requester  string           `json:"requester,omitempty"`
	AskedAt    time.Time        `json:"askedAt"`
	Got        int              `json:"got"`                // approvals that are there,
	Of         int              `json:"of"`                 // of so many
	By         []people.Role    `json:"by"`                 // roles that may decide
	May        []string         `json:"may"`                // who may approve now, as the configuration here has it
	Denied     string           `json:"denied,omitempty"`   // before it was asked again
	Unanswered string           `json:"unanswered"`         // what the policy does by itself: approve, deny, or page and nothing else
	DecidesAt  time.Time        `json:"decidesAt,omitzero"` // when it does
	NotAfter   time.Time        `json:"notAfter,omitzero"`  // of what is served
}

func (c *cli) approvals() *cobra.Command {
	return &cobra.Command{
		Use: "approvals", Short: "List everything that waits for somebody's approval, the first to be decided by itself first", Args: cobra.NoArgs,
		Long: `List everything that waits for somebody's approval: which certificate, whether it is
issued or deployed after it, since when people are asked, who may approve it, and what
its policy does by itself if nobody decides, and when. Decide by: neverlapse approve
NAME, or neverlapse deny NAME --note TEXT. docs/approvals.md is about it.

Who may approve is read from the configuration of this command. It exits with 0
whether or not something waits, and with 5 if a certificate did not answer, after it
has listed the others.`,
		Example: "  neverlapse approvals\n  neverlapse approvals -o json | jq -r '.[] | select(.may | index(\"minji\")).name'",
		RunE: func(cmd *cobra.Command, _ []string) error {
			all, silent, err := c.pending(cmd.Context())
			if err != nil {
				return err
			}
			if !c.text() {
				err = results(c, all)
			} else {
				err = c.printPending(all)
			}
			if err == nil && len(silent) > 0 {
				return problem{exitUnreachable, "these did not answer, so that nobody knows whether they wait: " + strings.Join(silent, ", ")}
			}
			return err
		},
	}
}

// askers is how many certificates are asked at once.
const askers = 16

// pending asks each certificate that may wait. Silent ones did not answer.
func (c *cli) pending(ctx context.Context) (all []pendingView, silent []string, err error) {
	rows, err := c.rows(ctx, filter{states: lifecycle.AskingStates}.query())
	if err != nil {
		return nil, nil, err
	}
	var mu sync.Mutex
	var asking sync.WaitGroup
	turns := make(chan struct{}, askers)
	for _, r := range rows {
		turns <- struct{}{}
		asking.Go(func() {
			defer func() { <-turns }()
			s, failed := c.ask(ctx, r.Name)
			mu.Lock()
			defer mu.Unlock()
			p, gone := errors.AsType[problem](failed)
			switch {
			case errors.Is(failed, workflows.ErrNotEnrolled), gone && p.code == exitNotFound:
			case failed != nil && (ctx.Err() != nil || noEngine(failed)):
				err = failed
			case failed != nil:
				silent = append(silent, r.Name)
			case s.State.Approval.Asks(c.now()):
				all = append(all, c.pendingOf(s.State))
			}
		})
	}
	asking.Wait()
	slices.Sort(silent)
	slices.SortFunc(all, func(a, b pendingView) int {
		switch {
		case a.DecidesAt.IsZero() != b.DecidesAt.IsZero() && a.DecidesAt.IsZero():
			return 1
		case a.DecidesAt.IsZero() != b.DecidesAt.IsZero():
			return -1
		case !a.DecidesAt.Equal(b.DecidesAt):
			return a.DecidesAt.Compare(b.DecidesAt)
		}
		return strings.Compare(a.Name, b.Name)
	})
	return all, silent, err
}

func (c *cli) pendingOf(s lifecycle.State) pendingView {
	a, q, alone := s.Approval, workflows.Question(s), workflows.Alone(c.now(), s)
	v := pendingView{
		Name: s.Spec.Name, Owner: s.Spec.Owner, Team: s.Spec.Team, Step: "issue", Version: a.Version, Requester: a.Requester, AskedAt: a.AskedAt, Got: q.Got, Of: q.Of,
		By: s.Spec.Policy.Approval.Roles(), May: []string{}, Denied: q.Denied, Unanswered: lifecycle.UnansweredPage, DecidesAt: alone.At, NotAfter: s.Live.NotAfter,
	}
	if a.For == lifecycle.ForDeploy || a.Version != "" {
		v.Step = "deploy"
	}
	if !alone.At.IsZero() {
		v.Unanswered = alone.Kind
	}
	v.May = append(v.May, workflows.Deciders(c.config.Directory(), c.now(), s)...)
	return v
}

func (c *cli) printPending(all []pendingView) error {
	if len(all) == 0 {
		c.remark("nothing waits for approval")
		return nil
	}
	t := table{head: []string{"NAME", "STEP", "ASKED", "BY", "APPROVALS", "WHO MAY", "IF NOBODY DECIDES"}}
	for _, v := range all {
		step, alone := v.Step, "people are paged, nothing else"
		if v.Version != "" {
			step += " " + short(v.Version)
		}
		if !v.DecidesAt.IsZero() {
			alone = map[string]string{"approve": "approved ", "deny": "denied "}[v.Unanswered] + c.when(v.DecidesAt)
		}
		who := strings.Join(v.May, ", ")
		if who == "" {
			for i, r := range v.By {
				who += map[bool]string{true: "", false: ", "}[i == 0] + string(r)
			}
			who = "roles: " + who
		}
		t.add(clean(v.Name, 0), step, c.when(v.AskedAt), dash(v.Requester), fmt.Sprintf("%d of %d", v.Got, v.Of), clean(who, 0), alone)
	}
	if err := t.write(c.out, "", c.paint); err != nil {
		return err
	}
	c.remark("decide by: neverlapse approve NAME, or neverlapse deny NAME --note TEXT")
	return nil
}
