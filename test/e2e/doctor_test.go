package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/neverlapse/neverlapse/internal/doctor"
	"github.com/neverlapse/neverlapse/internal/notify/notifytest"
	"github.com/neverlapse/neverlapse/test/harness"
	"github.com/neverlapse/neverlapse/workflows"
)

// doctor gives what neverlapse doctor finds, held against its exit code.
func (w *world) doctor(args ...string) []doctor.Finding {
	w.t.Helper()
	ctx, cancel := w.patience()
	defer cancel()
	text, code := w.CLI(ctx, append([]string{"doctor", "-o", "json"}, args...)...)
	for _, secret := range []string{w.Mail.Password, w.Slack.Token, w.Slack.SigningSecret, w.Slack.AppToken, strings.TrimSpace(w.read("store.key"))} {
		if secret != "" && strings.Contains(text, secret) {
			w.t.Errorf("a secret is shown:\n%s", text)
		}
	}
	var out []doctor.Finding
	if err := json.NewDecoder(strings.NewReader(text)).Decode(&out); err != nil {
		w.t.Fatalf("exit code %d: %v\n%s", code, err, text)
	}
	if want := map[doctor.Level]int{doctor.OK: 0, doctor.Fail: 1, doctor.Warn: 6}[doctor.Worst(out)]; code != want {
		w.t.Errorf("exit code %d, want %d:\n%s", code, want, text)
	}
	for _, f := range out {
		if f.By == "" || f.Found == "" || (f.Level == doctor.OK) != (f.Remedy == "") {
			w.t.Errorf("half a finding: %+v", f)
		}
	}
	return out
}

func (w *world) read(name string) string {
	w.t.Helper()
	b, err := os.ReadFile(filepath.Join(w.Dir, name))
	if err != nil {
		w.t.Fatal(err)
	}
	return string(b)
}

// symptom is what doctor has to say of a fault: the code, whom it is about, a
// piece of what is found and one of the remedy.
type symptom struct {
	code                 doctor.Code
	about, found, remedy string
}

func (w *world) says(all []doctor.Finding, level doctor.Level, s symptom) {
	w.t.Helper()
	if !slices.ContainsFunc(all, func(f doctor.Finding) bool {
		return f.Code == s.code && f.Level == level && strings.Contains(f.About, s.about) && strings.Contains(f.Found, s.found) && strings.Contains(f.Remedy, s.remedy)
	}) {
		w.t.Errorf("no finding is %s and %+v in:\n%s", level, s, told(all))
	}
}

func told(all []doctor.Finding) string {
	var b strings.Builder
	for _, f := range all {
		fmt.Fprintf(&b, "%s %s %s (%s): %s | %s\n", f.Level, f.Code, f.About, f.By, f.Found, f.Remedy)
	}
	return b.String()
}

func bad(all []doctor.Finding) []doctor.Finding {
	return slices.DeleteFunc(slices.Clone(all), func(f doctor.Finding) bool { return f.Level == doctor.OK })
}

// TestDoctorNamesWhatIsBrokenAndHowItIsMended breaks one real part after another,
// and mends it again.
func TestDoctorNamesWhatIsBrokenAndHowItIsMended(t *testing.T) {
	t.Parallel()
	w := apart(t, harness.Options{Sections: "sources:\n  - {name: disk, kind: files, every: 7d, options: {host: disk1, paths: [/nowhere-at-all]}}"})
	w.startHost()
	w.manageBoth(0)
	w.until("shop", "both targets to be proven", func(s workflows.Status) bool { return s.State.Live.Fingerprint != "" && s.State.Place(there) != nil })
	w.healthy()
	for name, f := range w.faults() {
		f.breaks()
		all := w.doctor("--timeout", "20s")
		f.mends()
		level := doctor.Fail
		if f.warns {
			level = doctor.Warn
		}
		w.says(all, level, f.symptom)
		if others := slices.DeleteFunc(bad(all), func(x doctor.Finding) bool {
			return x.Code == f.symptom.code || x.Code.Area() == f.with || expected(x)
		}); len(others) > 0 {
			t.Errorf("%s: this is said to be broken too:\n%s", name, told(others))
		}
	}
	w.healthy()
}

// expected is what is not quite good in this world: its namespace keeps a day, and
// nobody has gone through the source.
func expected(f doctor.Finding) bool {
	return f.Code == doctor.Namespace && f.Level == doctor.Warn && strings.Contains(f.Remedy, "--retention") || f.Code == doctor.Sources
}

func (w *world) healthy() {
	w.t.Helper()
	sent := len(w.Mail.Mails()) + len(w.Slack.Messages())
	all := w.doctor()
	if left := slices.DeleteFunc(bad(all), expected); len(left) > 0 {
		w.t.Errorf("in a healthy world this is said to be broken:\n%s", told(left))
	}
	for _, s := range []symptom{
		{doctor.CA, "pebble", "account https://", ""}, {doctor.CAClock, "pebble", "agrees", ""}, {doctor.Channel, "mail", "takes the login", ""}, {doctor.Channel, "slack", "bot", ""},
		{doctor.Target, here, "a deployment would be let in", ""}, {doctor.Target, there, "a deployment would be let in", ""}, {doctor.Pollers, "queue web7", " polling", ""},
		{doctor.Schedules, "survey/disk", "next ", ""}, {doctor.Newest, "", "opens", ""}, {doctor.Entities, "", "each has its workflow", ""}, {doctor.SearchAttributes, "", "all 12", ""},
	} {
		w.says(all, doctor.OK, s)
	}
	if len(w.Mail.Mails())+len(w.Slack.Messages()) != sent {
		w.t.Error("somebody was sent something")
	}
}

type injected struct {
	symptom       symptom
	warns         bool
	with          string // area that is broken with it
	breaks, mends func()
}

func (w *world) faults() map[string]injected {
	must := func(err error) {
		w.t.Helper()
		if err != nil {
			w.t.Fatal(err)
		}
	}
	ctx := w.t.Context()
	plan := w.client.ScheduleClient().GetHandle(ctx, workflows.SurveyID("disk"))
	storeDir := filepath.Join(w.Dir, "store")
	swap := func(path, by string) (away, back func()) {
		var was []byte
		return func() {
				b, err := os.ReadFile(path)
				must(err)
				was = b
				must(os.WriteFile(path, []byte(by), 0o600))
			}, func() {
				must(os.WriteFile(path, was, 0o600))
			}
	}
	attributes := w.client.OperatorService()
	out := map[string]injected{
		"the CA is down": {symptom{doctor.CA, "pebble", "connection", "neverlapse ca check pebble"}, false, "", func() { w.CA.SetDown(true) }, func() { w.CA.SetDown(false) }},
		"the mail server refuses the login": {symptom{doctor.Channel, "mail", "refuses the login", "neverlapse alert test --channel mail"}, false, "",
			func() { w.Mail.SetMode(notifytest.MailBadLogin) }, func() { w.Mail.SetMode(notifytest.MailWorks) }},
		"the mail server hangs": {symptom{doctor.Channel, "mail", "", "neverlapse alert test --channel mail"}, false, "",
			func() { w.Mail.SetMode(notifytest.MailHangs) }, func() { w.Mail.SetMode(notifytest.MailWorks) }},
		"nginx's configuration is broken": {symptom{doctor.Target, here, "already broken before anything was changed", "neverlapse doctor --only targets"}, false, "",
			func() { must(w.Nginx.BreakConfig()) }, func() { must(w.Nginx.RepairConfig()) }},
		"a schedule is paused": {symptom{doctor.Schedules, "survey/disk", "it is paused: for the move", "schedule toggle"}, false, "",
			func() { must(plan.Pause(ctx, client.SchedulePauseOptions{Note: "for the move"})) }, func() { must(plan.Unpause(ctx, client.ScheduleUnpauseOptions{})) }},
		"a search attribute is missing": {symptom{doctor.SearchAttributes, "hosts", "missing", "--name hosts --type KeywordList"}, false, "", func() {
			_, err := attributes.RemoveSearchAttributes(ctx, &operatorservice.RemoveSearchAttributesRequest{Namespace: w.Namespace, SearchAttributes: []string{"hosts"}})
			must(err)
		}, func() {
			_, err := attributes.AddSearchAttributes(ctx, &operatorservice.AddSearchAttributesRequest{Namespace: w.Namespace, SearchAttributes: map[string]enumspb.IndexedValueType{"hosts": enumspb.INDEXED_VALUE_TYPE_KEYWORD_LIST}})
			must(err)
		}},
		"the store cannot be written to": {symptom{doctor.Writes, "", "beat", "df -h"}, false, "", func() {
			must(os.Rename(filepath.Join(storeDir, "beat"), filepath.Join(w.Dir, "beat")))
			must(os.WriteFile(filepath.Join(storeDir, "beat"), nil, 0o600))
		}, func() {
			must(os.Remove(filepath.Join(storeDir, "beat")))
			must(os.Rename(filepath.Join(w.Dir, "beat"), filepath.Join(storeDir, "beat")))
		}},
		"the host's worker is gone": {symptom{doctor.Answers, "host web7", "does not do what it is asked for", "systemctl restart neverlapse-host@web7"}, false, "workers", func() { w.HostWork.Stop() }, w.startHost},
	}
	away, back := swap(filepath.Join(storeDir, "key-check.sealed"), "{}")
	out["the store was made with another key"] = injected{symptom{doctor.Opens, "", "key-encryption key", "neverlapse store list"}, false, "", away, back}
	s := w.until("shop", "its version", func(s workflows.Status) bool { return s.State.Live.Fingerprint != "" })
	away, back = swap(filepath.Join(storeDir, "certificates", "shop", "versions", string(s.State.Live.Fingerprint), "key.sealed"), "{}")
	out["the newest version does not open"] = injected{symptom{doctor.Newest, "", "does not open", "backup"}, false, "", away, back}
	return out
}

func TestDoctorLooksFromHereWhereNoWorkerOrNoTemporalAnswers(t *testing.T) {
	t.Parallel()
	w := enter(t, harness.Options{Nginx: sites(site(t, here, 60*24*time.Hour)), Policies: watchful})
	w.watch("shop", 0)
	w.Worker.Kill()
	all := w.doctor("--timeout", "3s")
	w.says(all, doctor.Fail, symptom{doctor.Answers, "queue neverlapse", "", "systemctl restart neverlapse-worker"})
	w.says(all, doctor.OK, symptom{doctor.CA, "pebble", "is valid", ""})
	w.says(all, doctor.OK, symptom{doctor.Channel, "mail", "takes the login", ""})
	w.says(all, doctor.OK, symptom{doctor.Writes, "", "read back", ""})

	key := w.read("store.key")
	if err := os.WriteFile(filepath.Join(w.Dir, "store.key"), []byte("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	all = w.doctor("--address", "127.0.0.1:1", "--timeout", "3s")
	w.says(all, doctor.Fail, symptom{doctor.Engine, "", "127.0.0.1:1", "start the Temporal cluster at 127.0.0.1:1"})
	w.says(all, doctor.Fail, symptom{doctor.Opens, "", "", "neverlapse store list"})
	w.says(all, doctor.Fail, symptom{doctor.Configuration, "", "key-encryption key is not the one this store was made with", "neverlapse-worker --config"})
	w.says(all, doctor.OK, symptom{doctor.Channel, "slack", "bot", ""})
	if err := os.WriteFile(filepath.Join(w.Dir, "store.key"), []byte(key), 0o600); err != nil {
		t.Fatal(err)
	}

	all = w.doctor("--namespace", "nobodys", "--timeout", "3s", "--only", "temporal")
	w.says(all, doctor.Fail, symptom{doctor.Namespace, "nobodys", "no such namespace", "operator namespace create --address"})

	w.edit("accept_terms: true", "accept_terms: perhaps")
	all = w.doctor()
	w.says(all, doctor.Fail, symptom{doctor.Configuration, "in force", "accept_terms", "--check"})
}

func TestDoctorNamesACertificateThatNobodyRunsAnyMore(t *testing.T) {
	t.Parallel()
	w := enter(t, harness.Options{Nginx: sites(site(t, here, 60*24*time.Hour)), Policies: watchful})
	w.watch("shop", 0)
	if err := w.client.TerminateWorkflow(t.Context(), workflows.WorkflowID("shop"), "", "by mistake"); err != nil {
		t.Fatal(err)
	}
	w.eventually("the index to know", func() bool {
		return slices.ContainsFunc(w.doctor("--only", "certificates"), func(f doctor.Finding) bool { return f.Code == doctor.Entities && f.Level == doctor.Fail })
	})
	w.says(w.doctor("--only", "certificates.running"), doctor.Fail, symptom{doctor.Entities, "shop", "its workflow is terminated", "neverlapse restore shop"})
}
