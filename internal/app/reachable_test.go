package app

import (
	"testing"

	"github.com/neverlapse/neverlapse/internal/config"
	"github.com/neverlapse/neverlapse/internal/people"
)

func TestAChannelThatSomebodyNamesHasToBeThere(t *testing.T) {
	channels := []config.Adapter{{Name: "slack", Kind: "slack"}, {Name: "hook", Kind: "webhook"}}
	for name, tc := range map[string]struct {
		person people.Person
		want   string
	}{
		"all is well":      {people.Person{Channels: []string{"hook"}, Addresses: map[string]string{"slack": "U1"}}, ""},
		"an address of it": {people.Person{Addresses: map[string]string{"hook": "x"}}, ""},
		"unknown":          {people.Person{Channels: []string{"hok"}}, `people[0].channels[0]: no channel is called "hok"; add it under channels or write one of slack, hook`},
		"unknown address":  {people.Person{Addresses: map[string]string{"works": "x"}}, `people[0].addresses.works: no channel is called "works"; add it under channels or write one of slack, hook`},
		"without a place":  {people.Person{Channels: []string{"slack"}}, `people[0].channels[0]: slack is of kind slack, which needs an address; write it under people[0].addresses, or as slack of its own`},
	} {
		t.Run(name, func(t *testing.T) {
			got := ""
			if err := reachable(config.Config{Channels: channels, People: []people.Person{tc.person}}); err != nil {
				got = err.Error()
			}
			if got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}
