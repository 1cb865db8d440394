package main

import (
	"github.com/spf13/cobra"
)

const about = `Neverlapse keeps every TLS certificate from lapsing. Each enrolled certificate is
one durable workflow that watches it, tells people, renews, deploys and proves.
This command enrolls certificates, shows where they stand and answers their alerts.

inspect, scan, needs-renewal and store need neither engine nor worker, and doctor says what
is missing; the others need a Temporal engine and, for all but list, a running neverlapse-worker. Without --address the engine is found that a
worker with the same data folder runs.

Durations are written 30d, 36h, 15m or 90s; dates 2026-08-31, "2026-08-31 18:00"
(this machine's zone) or 2026-08-31T09:00:00Z.

Every flag but --force can be set by an environment variable: the flags of all
verbs by the ones named beside them, the others by NEVERLAPSE_<VERB>_<FLAG>
(NEVERLAPSE_LIST_TEAM for list --team). A flag wins over its variable. TLS and
API keys for Temporal are set in the configuration or by NEVERLAPSE_TEMPORAL_...

` + exitCodes

// The groups of verbs in the help.
const (
	groupSee = "see"
	groupAct = "act"
)

func (c *cli) root() *cobra.Command {
	root := &cobra.Command{
		Use:               "neverlapse",
		Short:             "Keep TLS certificates from lapsing",
		Long:              about,
		SilenceErrors:     true,
		SilenceUsage:      true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return c.bind(cmd) },
	}
	f := root.PersistentFlags()
	f.StringVar(&c.file, "config", "", "configuration `file` (default ./neverlapse.yaml, then /etc/neverlapse/neverlapse.yaml, then none)")
	f.StringVar(&c.address, "address", "", "`host:port` of Temporal")
	f.StringVarP(&c.namespace, "namespace", "n", "", "Temporal `namespace`")
	f.StringVar(&c.data, "data", "", "data `folder` of the worker whose embedded engine is used")
	f.StringVar(&c.as, "as", "", "`who` asks, for the record (default the user of this machine)")
	f.VarP(&c.output, "output", "o", "text, json or jsonl")
	f.Var(&c.timeout, "timeout", "how long to wait for an answer (verbs that wait longer by nature say so)")
	f.Var(&c.color, "color", "auto, always or never")
	root.AddGroup(&cobra.Group{ID: groupSee, Title: "See:"}, &cobra.Group{ID: groupAct, Title: "Act:"})
	for _, verb := range []*cobra.Command{c.inspect(), c.scan(), c.needsRenewal(), c.list(), c.status(), c.explainNamed(), c.history(), c.check(), c.route(), c.undelivered(), c.digest(), c.doctor()} {
		c.add(root, groupSee, verb)
	}
	for _, verb := range []*cobra.Command{c.enroll(), c.ack(), c.snooze(), c.approve(), c.deny(), c.takeOver(), c.reassign(), c.renew(), c.csr(), c.supply(), c.deploy(), c.rollback(), c.revoke(), c.pause(), c.resume(), c.retire(), c.restore()} {
		c.add(root, groupAct, verb)
	}
	c.add(root, groupSee, c.approvals())
	c.add(root, groupSee, c.ca())
	c.add(root, groupSee, c.channels())
	c.add(root, groupSee, c.sources())
	c.add(root, groupSee, c.where())
	c.add(root, groupSee, c.watchman())
	c.add(root, groupSee, c.canary())
	c.add(root, groupAct, c.triage())
	c.add(root, groupAct, c.handover())
	c.add(root, "", c.alert())
	c.add(root, "", c.addresses())
	c.add(root, "", c.slack())
	c.add(root, "", c.store())
	c.add(root, "", c.version())
	completion(root)
	return root
}

// completion makes cobra's own verb refuse a shell that it does not know.
func completion(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	cmd, _, err := root.Find([]string{"completion"})
	if err != nil || cmd == root {
		return
	}
	cmd.Args = cobra.ArbitraryArgs
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return cmd.Help()
		}
		return usage("no completion for %q; use one of bash, zsh, fish, powershell", args[0])
	}
}

// add hangs a verb below another or the root; once its RunE begins, the command line was understood.
func (c *cli) add(parent *cobra.Command, group string, verb *cobra.Command) {
	verb.GroupID = group
	verb.DisableFlagsInUseLine = true
	act := verb.RunE
	verb.RunE = func(cmd *cobra.Command, args []string) error {
		c.started = true
		return act(cmd, args)
	}
	parent.AddCommand(verb)
}

// onName makes a verb whose only argument is the name of an enrolled certificate.
func (c *cli) onName(verb, flags, short, long string, act func(cmd *cobra.Command, name string) error) *cobra.Command {
	return &cobra.Command{
		Use: verb + " NAME" + flags, Short: short, Long: long, Args: oneName, ValidArgsFunction: c.completeName,
		RunE: func(cmd *cobra.Command, args []string) error {
			name, err := certificateName(args[0])
			if err != nil {
				return err
			}
			return act(cmd, name)
		},
	}
}

func oneName(cmd *cobra.Command, args []string) error {
	if len(args) == 1 {
		return nil
	}
	return usage("%s takes the name of one certificate, got %d; write: %s", cmd.Name(), len(args), cmd.UseLine())
}
