package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/neverlapse/neverlapse/workflows"
)

// answerView is the JSON of ack, snooze and take-over; its names are a contract with scripts.
type answerView struct {
	Name   string    `json:"name"`
	Alerts []string  `json:"alerts"`
	Until  time.Time `json:"until,omitzero"`
	Sent   bool      `json:"sent"` // sent as a signal: it counts when a worker is back
	Text   string    `json:"text"`
}

func (c *cli) ack() *cobra.Command {
	var alertID, note string
	var lasting length
	cmd := c.onName("ack", " [--alert ID] [--for 48h] [--note TEXT]", "Say that you have it: people are quiet until it lapses",
		`Acknowledge the open alerts of a certificate, or one of them. People are quiet
until the acknowledgement lapses: after --for, and at the latest at the next
threshold. It quiets; only evidence closes an alert.

When no worker answers within --timeout, the answer is left with the engine as a
signal and counts, once, when a worker is back.`,
		func(cmd *cobra.Command, name string) error {
			req, err := c.request(note)
			if err != nil {
				return err
			}
			in := workflows.AcknowledgeRequest{Request: req, Alert: alertID, For: lasting.value}
			out, err := call(cmd.Context(), c, workflows.Acknowledge, name, in)
			if err != nil && noWorker(err) && cmd.Context().Err() == nil {
				return c.leave(cmd.Context(), name, in)
			}
			if err != nil {
				return err
			}
			return c.answered("acknowledged", name, out)
		})
	cmd.Flags().StringVar(&alertID, "alert", "", "only the alert of this `id`, as status shows it (default all that are open)")
	cmd.Flags().Var(&lasting, "for", "how long it lasts (default and most where no threshold is left: ack_for of the policy)")
	cmd.Flags().StringVar(&note, "note", "", "`text` for the record")
	return cmd
}

// leave puts an acknowledgement down where the next worker finds it. It has the
// ID of the update that was not answered, so that both count once.
func (c *cli) leave(ctx context.Context, name string, in workflows.AcknowledgeRequest) error {
	waiting, cancel := context.WithTimeout(ctx, c.timeout.value)
	defer cancel()
	if err := c.conn.SignalWorkflow(waiting, workflows.WorkflowID(name), "", workflows.SignalAcknowledge, in); err != nil {
		return fmt.Errorf("no worker answers, and the acknowledgement could not be left for one: %w", err)
	}
	text := "sent; it counts when a worker is back (none answers now; is neverlapse-worker running?)"
	return c.answer(text, answerView{Name: name, Alerts: []string{}, Sent: true, Text: text})
}

func (c *cli) snooze() *cobra.Command {
	var alertID, note, until string
	cmd := c.onName("snooze", " --until DATE|DURATION [--alert ID] [--note TEXT]", "Keep an alert quiet until a date",
		`Snooze the open alerts of a certificate, or one of them, until a date; at the
latest until the last safe moment, after which nothing can be snoozed.`,
		func(cmd *cobra.Command, name string) error {
			if until == "" {
				return usage("--until is missing: until when? write a date (2026-08-31) or a duration (3d)")
			}
			end, err := c.future("until", until)
			if err != nil {
				return err
			}
			req, err := c.request(note)
			if err != nil {
				return err
			}
			out, err := call(cmd.Context(), c, workflows.Snooze, name, workflows.SnoozeRequest{Request: req, Alert: alertID, Until: end})
			if err != nil {
				return err
			}
			return c.answered("snoozed", name, out)
		})
	cmd.Flags().StringVar(&until, "until", "", "`date or duration` from now")
	cmd.Flags().StringVar(&alertID, "alert", "", "only the alert of this `id`, as status shows it (default all that are open)")
	cmd.Flags().StringVar(&note, "note", "", "`text` for the record")
	return cmd
}

func (c *cli) answered(verb, name string, r workflows.AnswerResult) error {
	text := name + ": " + r.Text
	if !r.Until.IsZero() {
		text = fmt.Sprintf("%s is %s until %s", name, verb, c.when(r.Until))
	}
	return c.answer(strings.Join(append([]string{text}, r.Alerts...), "\n"), answerView{Name: name, Alerts: r.Alerts, Until: r.Until, Text: r.Text})
}
