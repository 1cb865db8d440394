package docs_test

import (
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/neverlapse/neverlapse/internal/notify"
)

// channelOptions are the options of each kind that has a section of docs/channels.md.
var channelOptions = map[string]any{
	notify.KindPagerDuty: notify.PagerDutyOptions{}, notify.KindTeams: notify.TeamsOptions{}, notify.KindShoutrrr: notify.ShoutrrrOptions{}, notify.KindAlertmanager: notify.AlertmanagerOptions{}, notify.KindSMS: notify.SMSOptions{},
}

func TestEveryOptionOfAChannelIsExplainedInItsSection(t *testing.T) {
	page := text(t, "docs/channels.md")
	elsewhere := []string{notify.KindSlack, notify.KindEmail, notify.KindWebhook, notify.KindConsole}
	for _, g := range notify.All {
		options, ok := channelOptions[g.Kind]
		if !ok {
			if !strings.Contains(strings.Join(elsewhere, " "), g.Kind) {
				t.Errorf("the test does not know the options of %s", g.Kind)
			}
			continue
		}
		section := regexp.MustCompile(`(?ms)^## ` + g.Kind + `\n.*?(\n## |\z)`).FindString(page)
		if section == "" {
			t.Errorf("docs/channels.md has no section %s", g.Kind)
			continue
		}
		for f := range reflect.TypeOf(options).Fields() {
			for _, key := range keysOf(f) {
				if !strings.Contains(section, "`"+key+"`") {
					t.Errorf("docs/channels.md does not explain the option %q of %s", key, g.Kind)
				}
			}
		}
	}
}
