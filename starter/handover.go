package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"

	"github.com/neverlapse/neverlapse/internal/app"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/workflows"
)

// handoverView is the JSON of a handover; its names are a contract with scripts.
type handoverView struct {
	Person       string    `json:"person"`
	Cause        string    `json:"cause"`
	Certificates int       `json:"certificates"`
	Given        int       `json:"given"`
	Asked        string    `json:"asked,omitempty"`
	Until        time.Time `json:"until,omitzero"`
	Falls        string    `json:"fallsTo,omitempty"`
	To           string    `json:"givenTo,omitempty"`
}

func (c *cli) handover() *cobra.Command {
	var to, note string
	cmd := &cobra.Command{
		Use: "handover PERSON [--to PERSON] [--note TEXT]", Short: "Find a new owner for what somebody leaves behind",
		Long: `Somebody leaves for good: ask --to, or the manager of their team, to take over the
certificates that they own. Whoever is asked accepts or declines in Slack or here;
without an answer in two days (handover.answer_within), or sooner where something ends
soon, the first in line gets them: manager, who is on call, members of the team, then of the catch-all team.
Until then the alerts go on as before. Who is removed from the directory, or whom no
address reaches any more, is handed over without this. docs/ownership.md is about it.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage("handover takes one person, got %d; write: %s", len(args), cmd.UseLine())
			}
			req, err := c.request(note)
			if err != nil {
				return err
			}
			conn, err := c.connect(cmd.Context())
			if err != nil {
				return err
			}
			if to != "" {
				if err := c.receives(cmd.Context(), args[0], to, ""); err != nil {
					return err
				}
			}
			in := workflows.HandoverInput{Person: args[0], Cause: lifecycle.SomebodySays, To: to, Teams: c.config.Directory().TeamsOf(args[0]), Within: c.config.Handover.AnswerWithin, By: req.By, Via: req.Via, Note: note}
			ctx, cancel := context.WithTimeout(cmd.Context(), c.timeout.value)
			defer cancel()
			if err := app.StartHandover(ctx, conn, c.config.Temporal.TaskQueue, in); err != nil {
				return err
			}
			return c.answer("the handover of "+args[0]+" is under way; see it by: neverlapse handover list", takenView{Name: args[0], Text: "under way"})
		},
	}
	cmd.Flags().StringVar(&to, "to", "", "the `person` who is asked first (default the manager of the team)")
	cmd.Flags().StringVar(&note, "note", "", "`text` for the record")
	c.add(cmd, "", c.answerHandover("accept", "Become the owner of what somebody leaves behind", true))
	c.add(cmd, "", c.answerHandover("decline", "Have the next in line asked", false))
	c.add(cmd, "", c.listHandovers())
	return cmd
}

func (c *cli) answerHandover(verb, short string, accept bool) *cobra.Command {
	var note string
	cmd := &cobra.Command{
		Use: verb + " PERSON [--note TEXT]", Short: short, Long: short + ". You are who --as says; PERSON is who leaves.",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage("%s takes the person who leaves; write: %s", verb, cmd.UseLine())
			}
			req, err := c.request(note)
			if err != nil {
				return err
			}
			out, err := within(cmd.Context(), c, verb+" of what "+args[0]+" leaves behind", func(ctx context.Context, conn client.Client) (workflows.Taken, error) {
				return workflows.AnswerHandover(ctx, conn, args[0], workflows.HandoverAnswerRequest{Request: req, Accept: accept})
			})
			if err != nil {
				return err
			}
			return c.answer(out.Text, takenView{Name: args[0], Text: out.Text})
		},
	}
	cmd.Flags().StringVar(&note, "note", "", "`text` for the record")
	return cmd
}

func (c *cli) listHandovers() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "Show the handovers under way", Long: "Show the handovers under way: who leaves, who is asked, until when, and who gets what without an answer.", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			waiting, cancel := context.WithTimeout(cmd.Context(), c.timeout.value)
			defer cancel()
			conn, err := c.connect(waiting)
			if err != nil {
				return err
			}
			found, err := workflows.AskHandovers(waiting, conn, c.config.Temporal.Namespace)
			if err != nil {
				return err
			}
			var all []handoverView
			for _, s := range found {
				all = append(all, handoverView{s.Person, s.Cause, s.Certificates, s.Given, s.Asked, s.Until, s.Falls, s.To})
			}
			return c.printHandovers(all)
		},
	}
}

func (c *cli) printHandovers(all []handoverView) error {
	if !c.text() {
		return results(c, all)
	}
	if len(all) == 0 {
		c.remark("no handover is under way")
		return nil
	}
	t := table{head: []string{"LEAVES", "WHY", "CERTIFICATES", "GIVEN", "ASKED", "UNTIL", "ELSE TO", "GOES TO"}}
	for _, v := range all {
		t.add(clean(v.Person, 0), clean(v.Cause, 0), plural(v.Certificates, "certificate"), plural(v.Given, "certificate"), dash(v.Asked), c.when(v.Until), dash(v.Falls), dash(v.To))
	}
	return t.write(c.out, "", c.paint)
}
