package main

import (
	"github.com/spf13/cobra"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/estate"
)

func (c *cli) where() *cobra.Command {
	var q estate.Ask
	cmd := &cobra.Command{
		Use: "where [NAME|FINGERPRINT|PLACE] [--host HOST] [--team TEAM] [--ca TEXT] [--algorithm KIND]", Short: "Show which certificate is used where", Args: cobra.MaximumNArgs(1),
		Long: `Show which certificate is used where, as the sources of the inventory saw it last:
one line for each place, those that end first at the head. NAME is an enrolled
certificate or a DNS name; a fingerprint may be its first digits, six or more. A
place that shows another version than its certificate should is marked. It looks at
nothing by itself: neverlapse sources tells when each source was gone through.`,
		Example: "  neverlapse where www.example.com\n  neverlapse where --host web-1\n  neverlapse where --ca 'Old Corp CA' --team web -o json\n  neverlapse where --algorithm RSA-1024",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				q.Of = args[0]
			}
			for _, text := range []string{q.Of, q.Host, q.Team, q.CA, q.Algorithm} {
				if alert.Clean(text) != text {
					return usage("%q has characters that no name has", text)
				}
			}
			got, err := work[estate.Found](cmd.Context(), c, "Where", "inventory", c.timeout.value, q)
			if err != nil {
				return err
			}
			if got.Records == nil {
				got.Records = []estate.Record{}
			}
			if !c.text() {
				return c.result(got)
			}
			return c.printWhere(got)
		},
	}
	f := cmd.Flags()
	f.StringVar(&q.Host, "host", "", "only at this `host`: a machine, a name or address of an endpoint, a cluster, an account")
	f.StringVar(&q.Team, "team", "", "only of this `team`")
	f.StringVar(&q.CA, "ca", "", "only of issuers with this `text` in their name")
	f.StringVar(&q.Algorithm, "algorithm", "", "only with this `kind` of key, like RSA or RSA-2048")
	return cmd
}

func (c *cli) printWhere(got estate.Found) error {
	if len(got.Records) == 0 {
		c.remark("no source has seen such a certificate; see: neverlapse sources")
		return nil
	}
	t := table{head: []string{"CERTIFICATE", "FINGERPRINT", "PLACE", "SOURCE", "SEEN", "ENDS", "ISSUER", "KEY", "REMARK"}}
	for _, r := range got.Records {
		v := r.Version
		name := r.Of
		if name == "" {
			name = "(" + names(v.Names) + ")"
		}
		for _, p := range r.Places {
			remark, hue := "-", ""
			switch {
			case r.Of == "":
				remark, hue = "nobody enrolled it", yellow
			case !r.Live:
				remark, hue = "not what it should be", red
			case p.Trouble != "":
				remark = "not seen this time: " + clean(p.Trouble, 60)
			}
			t.add(clean(name, 48), clean(r.Key.Short(), 40), clean(p.Name, 0), p.Source, c.when(p.Seen), c.when(v.NotAfter), clean(v.Issuer, 32), dash(v.KeyAlgorithm), remark)
			t.color(8, hue)
		}
	}
	if err := t.write(c.out, "", c.paint); err != nil {
		return err
	}
	if got.More > 0 {
		c.remark("and %d more certificates, which end later", got.More)
	}
	return nil
}
