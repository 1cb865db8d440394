package doctor

import (
	"fmt"
	"slices"
	"strings"
)

// Code names what is looked at: an area, a dot, and what of it. It is a contract
// with scripts.
type Code string

// The codes.
const (
	Configuration Code = "configuration.valid"
	Notes         Code = "configuration.notes"

	Engine           Code = "temporal.reachable"
	Namespace        Code = "temporal.namespace"
	SearchAttributes Code = "temporal.search-attributes"
	Pollers          Code = "workers.polling"
	Backlog          Code = "workers.backlog"
	Answers          Code = "workers.answer"
	Neighbours       Code = "workers.fit"
	Schedules        Code = "schedules.run"

	CA        Code = "cas.usable"
	CAClock   Code = "clock.ca"
	Clock     Code = "clock.temporal"
	Channel   Code = "channels.usable"
	Standing  Code = "channels.deliver"
	Letters   Code = "channels.undelivered"
	Target    Code = "targets.ready"
	Opens     Code = "store.opens"
	StoreKey  Code = "store.key"
	Writes    Code = "store.writes"
	Newest    Code = "store.newest"
	Lives     Code = "store.live"
	Disk      Code = "machine.disk"
	Files     Code = "machine.descriptors"
	Entities  Code = "certificates.running"
	Overdue   Code = "certificates.on-time"
	InTrouble Code = "certificates.state"
	Sources   Code = "sources.fresh"
)

// About explains a code, for the documentation.
type About struct {
	Code Code
	// Looks says what is looked at; Warns and Fails, when that is not good; empty: never.
	Looks, Warns, Fails string
	// By says who looks: the machine of the CLI, a worker, or both. What a worker
	// looks at is looked at from here where none answers.
	By string
	// Mend is what to do.
	Mend string
}

const (
	here   = "here"
	worker = "worker"
	both   = "both"
)

// Codes lists every code, in the order in which findings are shown.
var Codes = []About{
	{Configuration, "is every section of the configuration valid, can every adapter be made of it, and is it the one in force?", "a section that changed waits for a restart", "something is wrong with it, or the worker refused what the file holds now", both, "`neverlapse-worker --check` names every line that is wrong; restart the worker for what needs it"},
	{Notes, "what `neverlapse-worker --check` remarks", "there is a remark", "", worker, "as the remark says"},
	{Engine, "does Temporal answer, and which version is it?", "", "it does not", here, "start the worker that runs the engine, or the cluster; `--address` leads elsewhere"},
	{Namespace, "is the namespace there, and how long does it keep closed workflows?", "less than 7 days: what went wrong last week cannot be looked at", "it is not there", here, "`temporal operator namespace create` or `update --retention`"},
	{SearchAttributes, "are the search attributes registered, with their types?", "", "one is missing or of another type: certificates stand still at the next change", here, "`temporal operator search-attribute create`"},
	{Pollers, "does a worker poll each task queue (the centre's and each host's), which builds, and when last?", "builds differ", "nobody polls it", both, "start `neverlapse-worker`"},
	{Backlog, "do tasks wait on a queue?", "for more than a minute", "for more than ten minutes", both, "more workers, or one that is not stuck; the runbook's NeverlapseQueueStalled"},
	{Answers, "does a worker do what it is asked for?", "", "it polls and does not answer, or nobody does", here, "restart the worker; its log says what holds it up"},
	{Neighbours, "do workers of one queue share a store, and what is on one machine?", "", "they do not", worker, "as it says: one store, or a host of its own for what is on one machine"},
	{Schedules, "is every Schedule there, not paused, and did its last run end well?", "its last run failed, or no run is planned", "it is missing or paused, or its runs fail for good", worker, "`temporal schedule toggle --unpause`; a missing one is made by a restart of the worker"},
	{CA, "is the directory of each CA reached, and is our account there valid? Its terms, binding (EAB) and RenewalInfo (ARI) are shown. No certificate is ordered; an account that is not there yet is made.", "", "it cannot be used", worker, "as it says; then `neverlapse ca check NAME`"},
	{CAClock, "does the clock agree with the Date of each CA?", "it is off by more than 30 seconds", "by more than five minutes", worker, "have the clock set: `timedatectl set-ntp true`"},
	{Clock, "does the clock of this machine and of each worker agree with Temporal's?", "it is off by more than 30 seconds", "by more than five minutes", both, "have the clock set: `timedatectl set-ntp true`"},
	{Channel, "does each channel connect and log in? Nothing is sent.", "", "it does not", worker, "as it says; then `neverlapse alert test --channel NAME`"},
	{Standing, "did the last messages of each channel arrive?", "the last one was given up", "it fails for everybody", worker, "`neverlapse channels`, then `neverlapse alert test --channel NAME`"},
	{Letters, "messages that nobody got and nobody has seen, and addresses that lead nowhere", "there are some", "", worker, "`neverlapse undelivered`; mend the address in the directory, or `neverlapse address ok`"},
	{Target, "is each target reached, may we write there, and does its server's own check pass? Nothing is changed.", "", "it is not, or the check fails", worker, "as it says: renewals stop at this target until then"},
	{Opens, "does the store open, with its key?", "", "it does not", worker, "give it the right path and key; [stores](stores.md)"},
	{StoreKey, "where `key_url` names a key service: does it answer, is it unsealed, and may the key be used?", "", "it cannot: nothing is issued, renewed or rolled back", worker, "unseal it, or mend its token and policy; [stores](stores.md#the-key-in-vault-or-in-aws)"},
	{Writes, "can the store be written to, and read back?", "", "it cannot", worker, "space, rights, or the server it lies on"},
	{Newest, "does the key open the newest version in it?", "", "it does not: certificates could not be put back", worker, "restore the key from your backup"},
	{Lives, "does it have the live version of every certificate that was issued here?", "", "it lacks some, as after an older backup was restored: they can neither be deployed again nor put back", worker, "`neverlapse store check` lists them; `neverlapse renew NAME`"},
	{Disk, "space on the disks of the data folder and the store", "less than a tenth, or 1 GiB, is left", "less than 2 in a hundred, or 100 MiB, is left", worker, "make room"},
	{Files, "how many files and connections the process may have open", "fewer than 4096", "fewer than 256", worker, "`LimitNOFILE=65536` in the unit, or `ulimit -n 65536`"},
	{Entities, "does the workflow of every certificate run, without failing at its tasks?", "", "one was ended by hand or failed, was lost, or its tasks fail", worker, "`neverlapse restore` brings it back; for tasks that fail, the worker's log"},
	{Overdue, "does every certificate do its next step when it is due?", "", "one is late by more than 15 minutes", worker, "a worker that is stuck or missing; `neverlapse explain NAME`"},
	{InTrouble, "certificates whose attempts are spent, or that have expired", "there are some", "", worker, "`neverlapse list --state spent`, `neverlapse explain NAME`"},
	{Sources, "was each source of the inventory gone through lately, and completely?", "its last run was not complete, or it was never gone through", "no complete run for two intervals", worker, "`neverlapse sources run NAME --wait`"},
}

// Area is what a code belongs to: what stands before the dot.
func (c Code) Area() string {
	area, _, _ := strings.Cut(string(c), ".")
	return area
}

// Named reports whether one of the words is the code or its area; no words name all.
func (c Code) Named(words []string) bool {
	return len(words) == 0 || slices.Contains(words, string(c)) || slices.Contains(words, c.Area())
}

// CheckWords tells which of the words name no code.
func CheckWords(words []string) error {
	for _, w := range words {
		if !slices.ContainsFunc(Codes, func(a About) bool { return a.Code.Named([]string{w}) }) {
			return fmt.Errorf("%q is no check; use codes, or some of %s", w, strings.Join(Areas(), ", "))
		}
	}
	return nil
}

// Areas lists what checks belong to.
func Areas() (out []string) {
	for _, a := range Codes {
		if !slices.Contains(out, a.Code.Area()) {
			out = append(out, a.Code.Area())
		}
	}
	return out
}

// Sort puts findings in the order of Codes; those of one code keep theirs.
func Sort(all []Finding) {
	slices.SortStableFunc(all, func(a, b Finding) int { return place(a.Code) - place(b.Code) })
}

func place(c Code) int { return slices.IndexFunc(Codes, func(a About) bool { return a.Code == c }) }
