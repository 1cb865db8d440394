package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"

	"github.com/neverlapse/neverlapse/internal/app"
	"github.com/neverlapse/neverlapse/internal/app/stores"
	"github.com/neverlapse/neverlapse/internal/doctor"
)

// examinePatience is how long one check may take.
const examinePatience = 10 * time.Second

func (c *cli) doctor() *cobra.Command {
	var only []string
	cmd := &cobra.Command{
		Use: "doctor [--only AREA|CODE,...]", Short: "Look at everything that the installation stands on, and say how to mend it", Args: cobra.NoArgs,
		Long: `Look at everything that the installation stands on, and say what mends what is found:
the configuration, Temporal (version, namespace, search attributes), who polls the
task queues, the Schedules, CAs, channels, targets (those on hosts too), store, clocks,
disks, certificates in trouble and sources of the inventory. Nobody is sent anything,
nothing is ordered and no target is changed; a CA account that is not there yet is made.

What only a worker reaches a worker is asked to look at. Where none answers, it is
looked at from here: run it where a worker runs, with its configuration and as its
user, so that it finds the same. docs/doctor.md lists the codes.

All checks go abreast. One may take 10s, unless --timeout says otherwise; after three
times that it ends, whatever does not answer.

Exit codes: 0 all is good, 1 something does not work (FAIL), 6 something works and
needs a look (WARN); 2 the flags are wrong.`,
		Example: "  neverlapse doctor\n  neverlapse doctor --only cas,channels\n  neverlapse doctor -o json | jq '.[] | select(.level != \"ok\")'",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := doctor.CheckWords(only); err != nil {
				return usage("--only: %s", err)
			}
			all := c.examine(cmd.Context(), only)
			if err := cmd.Context().Err(); err != nil {
				return err
			}
			if !c.text() {
				if err := results(c, all); err != nil {
					return err
				}
			} else {
				c.printExamined(all)
			}
			return verdict(all)
		},
	}
	cmd.Flags().StringSliceVar(&only, "only", nil, "`areas` or codes to look at: "+strings.Join(doctor.Areas(), ", "))
	return cmd
}

// examine looks at everything; a configuration that cannot be used is all that is
// found then.
func (c *cli) examine(ctx context.Context, only []string) []doctor.Finding {
	if err := c.load(); err != nil {
		where := c.file
		if where == "" {
			where = "FILE"
		}
		f := doctor.Bad("mend each line that it names, then: neverlapse-worker --config "+where+" --check", "%s", err)
		f.Code, f.By = doctor.Configuration, "this machine"
		return []doctor.Finding{f}
	}
	return app.Doctor{
		Config: c.config, Only: only, Each: c.patience(examinePatience), Kinds: []app.Kinds{stores.Kinds},
		Dial: func(ctx context.Context) (client.Client, error) { return c.connect(ctx) },
	}.Examine(ctx)
}

// verdict turns the worst finding into an exit code.
func verdict(all []doctor.Finding) error {
	bad, doubtful := doctor.Count(all, doctor.Fail), doctor.Count(all, doctor.Warn)
	text := fmt.Sprintf("%d good, %d to look at, %d to mend", doctor.Count(all, doctor.OK), doubtful, bad)
	switch doctor.Worst(all) {
	case doctor.Fail:
		return problem{exitFailed, text}
	case doctor.Warn:
		return problem{exitTrouble, text}
	}
	return nil
}

func (c *cli) printExamined(all []doctor.Finding) {
	words := map[doctor.Level]struct{ word, hue string }{doctor.OK: {"OK  ", green}, doctor.Warn: {"WARN", yellow}, doctor.Fail: {"FAIL", red}}
	for _, f := range all {
		about := ""
		if f.About != "" {
			about = " " + clean(f.About, 0)
		}
		c.say("%s %s%s: %s", c.paint(words[f.Level].hue, words[f.Level].word), c.paint(bold, string(f.Code)), about, cleanLines(f.Found))
		if f.Level != doctor.OK {
			c.say("     looked at by %s", clean(f.By, 0))
			c.say("     to mend it: %s", clean(f.Remedy, 0))
		}
	}
}
