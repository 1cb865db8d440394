package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestEveryScenarioIsATest(t *testing.T) {
	files, err := filepath.Glob("../e2e/*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	usual, long := regexp.MustCompile(scenarioPattern(false)), regexp.MustCompile(scenarioPattern(true))
	for _, s := range scenarios {
		for _, name := range s.tests {
			if !strings.Contains(all.String(), "func "+name+"(t *testing.T)") {
				t.Errorf("%s: there is no %s in test/e2e", s.about, name)
			}
			if !long.MatchString(name) || usual.MatchString(name) == s.long {
				t.Errorf("%s: %s runs in the wrong runs", s.about, name)
			}
		}
	}
}

func TestATestThatFailsInOnePlaceIsNotHealedInAnother(t *testing.T) {
	r := newResults()
	end := func(*testResult, outcome) {}
	r.take(event{Action: "fail", Package: "p/e2e", Test: "TestA"}, end)
	r.where = " on PostgreSQL"
	r.take(event{Action: "pass", Package: "p/e2e", Test: "TestA"}, end)
	if a, b := r.tests["p/e2e TestA"], r.tests["p/e2e on PostgreSQL TestA"]; a == nil || b == nil || a.outcome != failed || b.outcome != passed {
		t.Errorf("%+v and %+v", a, b)
	}
}
