package config

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// started is a configuration from a file, as a worker starts with.
func started(t *testing.T, text string) Config {
	t.Helper()
	path := filepath.Join(t.TempDir(), "neverlapse.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(path, []string{"NEVERLAPSE_LOG_LEVEL=debug"})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const atFirst = `
people: [{id: minji, email: minji@example.com}]
teams: [{id: ops, members: [minji], email: ops@example.com}]
catch_all: ops
channels: [{name: mail, kind: email}]
policies: [{name: calm, ack_for: 48h}]
environments: [{name: staging, policy: calm}]
`

func again(t *testing.T, c Config, text string) Config {
	t.Helper()
	next, err := c.Again([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return next
}

func TestPeopleAndPoliciesCountAtOnceAndTheRestAfterARestart(t *testing.T) {
	c := started(t, atFirst)
	next := again(t, c, strings.NewReplacer(
		"[{id: minji,", "[{id: hana, email: hana@example.com}, {id: minji,", "48h", "12h", "name: staging", "name: test", "kind: email}", "kind: email}, {name: log, kind: console}",
	).Replace(atFirst)+"temporal: {namespace: other}\ngather: {every: 3h}\ndigest: {day: fri}\ndelivery: {proof_of_life: 60d}\nhandover: {answer_within: 1d}\n")
	a, err := c.Adopt(next)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"channels", "delivery", "people", "policies", "environments", "handover", "gather", "digest"}; !slices.Equal(a.Changed, want) {
		t.Errorf("at once count %v, want %v", a.Changed, want)
	}
	if want := []string{"temporal"}; !slices.Equal(a.Restart, want) {
		t.Errorf("a restart need %v, want %v", a.Restart, want)
	}
	calm, _ := a.Config.Policy("calm")
	if _, known := a.Config.Directory().Person("hana"); !known || calm.AckFor.String() != "12h" || a.Config.PolicyFor("test").Name != "calm" {
		t.Errorf("not in force: %+v", a.Config)
	}
	if a.Config.Temporal.Namespace != c.Temporal.Namespace || len(a.Config.Channels) != 2 || a.Config.Log.Level != "debug" {
		t.Errorf("in force without a restart: %+v", a.Config)
	}
	if _, known := c.Directory().Person("hana"); known {
		t.Error("what others hold was changed")
	}
}

func TestTheSameFileChangesNothing(t *testing.T) {
	c := started(t, atFirst)
	a, err := c.Adopt(again(t, c, atFirst+"# a remark\n"))
	if err != nil || len(a.Changed)+len(a.Restart) > 0 {
		t.Errorf("%v %v %v", a.Changed, a.Restart, err)
	}
}

func TestWhatNeedsANewSectionOfTheNextStartIsRefusedUntilThen(t *testing.T) {
	c := started(t, atFirst)
	next := again(t, c, strings.Replace(atFirst, "ack_for: 48h", "fallback_cas: [spare]", 1)+"cas: [{name: spare, kind: acme}]\n")
	_, err := c.Adopt(next)
	if err == nil || !strings.Contains(err.Error(), `no CA is called "spare"`) || !strings.Contains(err.Error(), "cas changed as well and need a restart") {
		t.Error(err)
	}
}

func TestEverythingWrongIsSaidAtOnce(t *testing.T) {
	c := started(t, atFirst)
	_, err := c.Again([]byte(strings.NewReplacer("members: [minji]", "members: [gone]", "48h", "soon", "policy: calm", "policy: clam").Replace(atFirst)))
	for _, want := range []string{"teams[0].members[0]", "policies[0].ack_for", "environments[0].policy"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s is missing in: %v", want, err)
		}
	}
}

func TestEveryLiveSectionIsOne(t *testing.T) {
	keys := map[string]bool{}
	for _, f := range reflect.VisibleFields(reflect.TypeFor[Config]()) {
		keys[f.Tag.Get("mapstructure")] = true
	}
	for _, key := range Live() {
		if !keys[key] {
			t.Errorf("no section is called %q", key)
		}
	}
}
