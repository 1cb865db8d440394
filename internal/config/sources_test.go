package config

import (
	"strings"
	"testing"
	"time"
)

func TestASourceRunsAtNightUnlessSomethingElseIsSaid(t *testing.T) {
	c, err := load(t, `
sources:
  - {name: web, kind: endpoints}
  - {name: files, kind: files, at: "23:45", timezone: Asia/Seoul}
  - {name: often, kind: files, every: 6h, options: {x: 1}}
`)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []struct {
		hour, minute int
		daily        bool
		interval     time.Duration
	}{{3, 0, true, 24 * time.Hour}, {23, 45, true, 24 * time.Hour}, {0, 0, false, 6 * time.Hour}} {
		s := c.Sources[i]
		if hour, minute, daily := s.Daily(); hour != want.hour || minute != want.minute || daily != want.daily || s.Interval() != want.interval {
			t.Errorf("%s: %d:%02d %v, every %s", s.Name, hour, minute, daily, s.Interval())
		}
	}
}

func TestWhatIsWrongWithASourceIsSaidWithItsPath(t *testing.T) {
	for text, want := range map[string]string{
		`{name: a, kind: files, at: "25:00"}`:             "sources[0].at",
		`{name: a, kind: files, at: "03:00", every: 1h}`:  "sources[0].every: stands beside at",
		`{name: a, kind: files, every: 60d}`:              "sources[0].every: 60d is not between",
		`{name: a, kind: files, timezone: Mars/Olympus}`:  "sources[0].timezone",
		`{name: a, kind: files, team: nobody}`:            "sources[0].team",
		`{name: a}`:                                       "sources[0].kind",
		`{name: "A b", kind: files}`:                      "sources[0].name",
		`{name: a, kind: x}, {name: a, kind: x}`:          "sources[1].name",
		`{name: a, kind: files, team: nobody, where: up}`: "sources[0].where",
	} {
		if _, err := load(t, "sources: ["+text+"]"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}
