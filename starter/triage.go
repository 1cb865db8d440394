package main

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/estate"
)

func (c *cli) triage() *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use: "triage [--all]", Short: "List the certificates that are out there and that nobody enrolled", Args: cobra.NoArgs,
		Long: `List the certificates that the sources of the inventory found and that nobody
enrolled: nobody is told before these end. Each waits here until somebody adopts it
(triage adopt), says that nothing has to be done about it until a date (triage
ignore), or gives it to somebody who is to decide (triage assign). What is ignored
is listed with --all, with who said so and why. docs/inventory.md tells the rest.`,
		Example: "  neverlapse triage\n  neverlapse triage adopt 3f9a1c2b7d40 --owner minji\n  neverlapse triage ignore 3f9a1c2b7d40 --reason 'test system, goes in spring' --until 2026-04-01",
		RunE: func(cmd *cobra.Command, _ []string) error {
			got, err := c.listTriage(cmd.Context(), estate.TriageQuery{All: all})
			if err != nil {
				return err
			}
			if !c.text() {
				return c.result(got)
			}
			return c.printTriage(got)
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "also those that are ignored")
	c.add(cmd, "", c.triageAdopt())
	c.add(cmd, "", c.triageIgnore())
	c.add(cmd, "", c.triageAssign())
	return cmd
}

func (c *cli) listTriage(ctx context.Context, q estate.TriageQuery) (estate.TriageList, error) {
	got, err := work[estate.TriageList](ctx, c, "ListTriage", "triage", c.timeout.value, q)
	if got.Strays == nil {
		got.Strays = []estate.Stray{}
	}
	return got, err
}

func (c *cli) printTriage(got estate.TriageList) error {
	if len(got.Strays) == 0 {
		c.remark("every certificate that was found is enrolled, or somebody decided about it; see also: neverlapse sources")
		return nil
	}
	t := table{head: []string{"FINGERPRINT", "NAMES", "ENDS", "ISSUER", "WHERE", "FOUND WRONG", "OWNER", "STATE"}}
	for _, s := range got.Strays {
		v := s.Record.Version
		t.add(clean(s.Record.Key.Short(), 40), names(v.Names), c.when(v.NotAfter), clean(v.Issuer, 32), places(s.Record), codes(s.Record), suggested(s), c.decided(s))
	}
	if err := t.write(c.out, "", c.paint); err != nil {
		return err
	}
	if got.More > 0 {
		c.remark("and %d more, which end later", got.More)
	}
	return nil
}

// names are the first few of a certificate.
func names(all []string) string {
	text := dash(strings.Join(all[:min(len(all), 2)], ", "))
	if more := len(all) - 2; more > 0 {
		text += fmt.Sprintf(" +%d", more)
	}
	return clean(text, 60)
}

// places are the first of a record, and how many more.
func places(r estate.Record) string {
	text := clean(r.Places[0].Name, 60)
	if more := len(r.Places) - 1; more > 0 {
		text += fmt.Sprintf(" +%d", more)
	}
	return text
}

func codes(r estate.Record) string {
	var out []string
	for _, f := range r.Faults() {
		out = append(out, string(f))
	}
	return dash(strings.Join(out, ","))
}

// suggested is who is to decide, or who is said to own it.
func suggested(s estate.Stray) string {
	owner, decided := s.Owner()
	if owner != "" && !decided {
		owner += "?"
	}
	return dash(clean(owner, 32))
}

func (c *cli) decided(s estate.Stray) string {
	switch d := s.Item.Ignored; {
	case s.State == estate.Ignored:
		return fmt.Sprintf("ignored until %s by %s: %s", c.when(d.Until), clean(d.By, 0), clean(d.Reason, 60))
	case s.State == estate.Assigned:
		return "assigned by " + clean(s.Item.Assigned.By, 0)
	}
	return "new"
}

// stray finds the one that is meant.
func (c *cli) stray(ctx context.Context, of string) (estate.Stray, error) {
	if of == "" || alert.Clean(of) != of {
		return estate.Stray{}, usage("%q names no certificate; write a fingerprint, or a place as triage shows it", of)
	}
	got, err := c.listTriage(ctx, estate.TriageQuery{Of: of, All: true})
	switch {
	case err != nil:
		return estate.Stray{}, err
	case len(got.Strays) == 0:
		return estate.Stray{}, problem{exitNotFound, fmt.Sprintf("no certificate in triage is called %q, or is at a place of that name; see: neverlapse triage --all", of)}
	case len(got.Strays) > 1:
		return estate.Stray{}, usage("%q means %d certificates in triage; write more of the fingerprint", of, len(got.Strays))
	}
	return got.Strays[0], nil
}

func (c *cli) triageAdopt() *cobra.Command {
	var w wish
	var watch bool
	cmd := &cobra.Command{
		Use: "adopt FINGERPRINT|PLACE [--watch|--manage ...]", Short: "Enroll a certificate that was found", Args: cobra.ExactArgs(1),
		Long: `Enroll a certificate of the triage: with its names, and with the endpoints at which
it was found. It is watched, or with --manage renewed here too; the flags are those
of enroll. It is called as its first name unless --cert-name says otherwise, and
belongs to whom it was assigned to unless --owner or --team do. Other places where
it was found (files, Secrets) are watched through their sources: one that later
shows another version is drift, and is told.`,
		Example: "  neverlapse triage adopt 3f9a1c2b7d40 --owner minji\n  neverlapse triage adopt endpoint:pay.example.com:443 --manage --ca letsencrypt --target pay-web",
		RunE: func(cmd *cobra.Command, args []string) error {
			if watch && w.manage {
				return usage("--watch and --manage: one of them")
			}
			s, err := c.stray(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return c.adopt(cmd, w, s)
		},
	}
	w.wishes(cmd)
	cmd.Flags().BoolVar(&watch, "watch", false, "watch it, which is what happens without --manage")
	return cmd
}

// adopt enrols what was found.
func (c *cli) adopt(cmd *cobra.Command, w wish, s estate.Stray) error {
	given := cmd.Flags().Changed
	v := s.Record.Version
	w.given = func(flag string) bool { return given(flag) || flag == "domains" && len(v.Names) > 0 }
	if !given("domains") {
		w.domains = v.Names
	}
	usual := estate.Adoption{}
	if s.Adoption != nil {
		usual = *s.Adoption
	}
	w.name, w.adopts = cmp.Or(w.name, usual.Name), s.Record.Key
	if !given("endpoint") {
		for _, e := range usual.Endpoints {
			w.endpoints = append(w.endpoints, e.String())
		}
	}
	if len(w.endpoints) == 0 && !w.manage {
		return usage("%s is at no endpoint that could be watched (%s); name one by --endpoint HOST:PORT, or renew it here by --manage", s.Record.Key.Short(), places(s.Record))
	}
	if !given("owner") && !given("team") {
		w.owner, w.team = usual.Owner, usual.Team
	}
	if err := w.read(nil, cmd.InOrStdin()); err != nil {
		return err
	}
	if err := c.load(); err != nil {
		return err
	}
	if err := c.openEyes(); err != nil {
		return err
	}
	return c.enlist(cmd.Context(), w)
}

func (c *cli) triageIgnore() *cobra.Command {
	var reason, until string
	cmd := &cobra.Command{
		Use: "ignore FINGERPRINT|PLACE --reason TEXT --until DATE|DURATION", Short: "Say that nothing has to be done about a certificate until a date", Args: cobra.ExactArgs(1),
		Long: `Say that nothing has to be done about a certificate of the triage until a date, and
why. Who said so and when stays on record. When the date has passed it comes back,
and people are told of it again.`,
		Example: "  neverlapse triage ignore 3f9a1c2b7d40 --reason 'test system, goes in spring' --until 2026-04-01",
		RunE: func(cmd *cobra.Command, args []string) error {
			if strings.TrimSpace(reason) == "" {
				return usage("--reason is missing: why has nothing to be done?")
			}
			if until == "" {
				return usage("--until is missing: until when? write a date (2026-08-31) or a duration (90d)")
			}
			end, err := c.future("until", until)
			if err != nil {
				return err
			}
			return c.decideStray(cmd.Context(), args[0], reason, estate.Decision{Until: end.UTC()})
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "`text` for the record: why")
	cmd.Flags().StringVar(&until, "until", "", "`date` or duration")
	return cmd
}

func (c *cli) triageAssign() *cobra.Command {
	var owner, note string
	cmd := &cobra.Command{
		Use: "assign FINGERPRINT|PLACE --owner ID [--note TEXT]", Short: "Give a certificate to somebody who is to decide", Args: cobra.ExactArgs(1),
		Long: `Say who is to decide about a certificate of the triage: a person or a team of the
directory. Once it is adopted it is theirs, unless the adoption says otherwise.`,
		Example: "  neverlapse triage assign 3f9a1c2b7d40 --owner platform",
		RunE: func(cmd *cobra.Command, args []string) error {
			if owner == "" {
				return usage("--owner is missing: who is to decide?")
			}
			return c.decideStray(cmd.Context(), args[0], note, estate.Decision{Owner: owner})
		},
	}
	cmd.Flags().StringVar(&owner, "owner", "", "`id` of a person or a team")
	cmd.Flags().StringVar(&note, "note", "", "`text` for the record")
	return cmd
}

// decideStray keeps what somebody decided about one.
func (c *cli) decideStray(ctx context.Context, of, note string, d estate.Decision) error {
	req, err := c.request(note)
	if err != nil {
		return err
	}
	d.By, d.Via, d.Reason = req.By, req.Via, req.Note
	s, err := work[estate.Stray](ctx, c, "Triage", "triage", c.timeout.value, estate.TriageOrder{Of: of, Decision: d})
	if err != nil {
		return refusedThere(err)
	}
	text := fmt.Sprintf("%s (%s) is ignored until %s", s.Record.Key.Short(), names(s.Record.Version.Names), d.Until.Format(time.RFC3339))
	if d.Until.IsZero() {
		text = fmt.Sprintf("%s (%s) is for %s to decide", s.Record.Key.Short(), names(s.Record.Version.Names), d.Owner)
	}
	return c.answer(text, s)
}
