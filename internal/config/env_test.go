package config

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestVariablesWinOverTheFile(t *testing.T) {
	c, err := load(t, "temporal: {address: 'file:1', namespace: file}\nlog: {level: warn}",
		"NEVERLAPSE_TEMPORAL_ADDRESS=env:7233", "NEVERLAPSE_TEMPORAL_STICKY_TIMEOUT=5s", "NEVERLAPSE_TEMPORAL_CACHE_SIZE=9",
		"NEVERLAPSE_TEMPORAL_TLS_CA_FILE=/a=b.pem", "NEVERLAPSE_ENGINE_PORT=0", "NEVERLAPSE_LOG_LEVEL=", "NEVERLAPSE_CATCH_ALL", "PATH=/bin", "NEVERLAPSE_KEY=abc")
	if err != nil {
		t.Fatal(err)
	}
	want := Temporal{Address: "env:7233", Namespace: "file", TaskQueue: "neverlapse", TLS: TLS{CAFile: "/a=b.pem"}, StickyTimeout: 5 * time.Second, QueueTimeout: 2 * time.Minute, CacheSize: 9}
	if diff := cmp.Diff(want, c.Temporal); diff != "" {
		t.Error(diff)
	}
	if c.Log.Level != "warn" {
		t.Errorf("an empty variable counted: %q", c.Log.Level)
	}
}

func TestVariablesWorkWithoutAFileAndAreNamedInErrors(t *testing.T) {
	t.Chdir(t.TempDir())
	places = []string{"./neverlapse.yaml"}
	t.Cleanup(func() { places = []string{"./neverlapse.yaml", "/etc/neverlapse/neverlapse.yaml"} })
	if c, err := Load("", []string{"NEVERLAPSE_DATA=/srv"}); err != nil || c.Data != "/srv" {
		t.Errorf("got %q, %v", c.Data, err)
	}
	_, err := Load("", []string{"NEVERLAPSE_TEMPORAL_ADDRESS=x", "NEVERLAPSE_TEMPORAL_CACHE_SIZE=many"})
	want := "configuration from the environment:\n" +
		"temporal.cache_size (from NEVERLAPSE_TEMPORAL_CACHE_SIZE): \"many\" is not a whole number\n" +
		"temporal.address (from NEVERLAPSE_TEMPORAL_ADDRESS): \"x\" is not an address; write host:port, for example temporal.example.com:7233"
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}

func TestEveryScalarHasAVariableThatSetsIt(t *testing.T) {
	all := Variables()
	if len(all) < 20 {
		t.Fatalf("only %d variables", len(all))
	}
	seen := map[string]bool{}
	for _, v := range all {
		if seen[v.Name] {
			t.Errorf("%s is the variable of two keys", v.Name)
		}
		seen[v.Name] = true
		text := "x"
		switch {
		case v.typ == duration:
			text = "7s"
		case v.typ.Kind() == reflect.Int:
			text = "7"
		case v.typ.Kind() == reflect.Bool:
			text = "true"
		case v.typ.Kind() != reflect.String:
			t.Errorf("%s: no test sets a %s", v.Name, v.typ)
		}
		set, problems := overridesOf([]string{v.Name + "=" + text})
		if len(problems) > 0 || set.values[v.Path] == nil {
			t.Errorf("%s=%s: got %v, %v", v.Name, text, set.values, problems)
		}
		if want := "NEVERLAPSE_" + strings.ToUpper(strings.ReplaceAll(v.Path, ".", "_")); v.Name != want {
			t.Errorf("%s has the variable %s", v.Path, v.Name)
		}
	}
}
