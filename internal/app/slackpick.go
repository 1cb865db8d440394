package app

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/neverlapse/neverlapse/internal/config"
	"github.com/neverlapse/neverlapse/internal/notify"
	"github.com/neverlapse/neverlapse/internal/people"
)

// pickSlack gives the channel of kind slack that has the name, or the only one.
func pickSlack(c config.Config, name string) (slackChannel, error) {
	all, err := slackChannels(c)
	if err != nil {
		return slackChannel{}, err
	}
	var names []string
	for _, s := range all {
		if s.name == name || name == "" && len(all) == 1 {
			return s, nil
		}
		names = append(names, s.name)
	}
	switch {
	case len(all) == 0:
		return slackChannel{}, errors.New("channels: none is of kind slack; docs/slack.md shows how to add one")
	case name == "":
		return slackChannel{}, fmt.Errorf("there are several channels of kind slack; pick one by --channel: %s", strings.Join(names, ", "))
	}
	return slackChannel{}, fmt.Errorf("no channel of kind slack is called %q; there is %s", name, strings.Join(names, ", "))
}

// slackAddress gives the Slack address behind what was asked for, and the
// language of its readers.
func slackAddress(d people.Directory, to string) (address, language string, err error) {
	if to == "" {
		for _, c := range d.CatchAllContacts(time.Now()) {
			if c.Address[notify.KindSlack] != "" {
				return c.Address[notify.KindSlack], c.Language, nil
			}
		}
		return "", "", errors.New("the catch-all team has no Slack address; say whom to write to by --to: a person, a team, a Slack ID or '#channel'")
	}
	if p, ok := d.Person(to); ok {
		if p.Slack == "" {
			return "", "", fmt.Errorf("--to: %s has no slack in the directory; write the member ID there, or give it here", to)
		}
		return p.Slack, p.Language, nil
	}
	if t, ok := d.Team(to); ok {
		if t.Slack == "" {
			return "", "", fmt.Errorf("--to: team %s has no slack in the directory; write the channel's ID there, or give it here", to)
		}
		return t.Slack, t.Language, nil
	}
	if !strings.HasPrefix(to, "#") && to != strings.ToUpper(to) {
		return "", "", fmt.Errorf("--to: %q is neither a person nor a team of the directory, nor a Slack ID (U..., C...) or '#channel'", to)
	}
	p, _ := d.BySlack(to)
	return to, p.Language, nil
}
