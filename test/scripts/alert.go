package scripts

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/neverlapse/neverlapse/internal/notify/notifytest"
)

// alertConfig is written beside each script of RunAlert.
const alertConfig = `data: data
channels:
  - {name: pager, kind: pagerduty, options: {url: %q, routing_key: %q}}
  - {name: sms, kind: sms, options: {provider: twilio, twilio: {url: %q, no_wait: true, account_sid: %s, auth_token: %s, from: %q}}}
  - {name: hook, kind: webhook, options: {url: %q}}
  - {name: log, kind: console}
people:
  - {id: minji, name: Kim Minji, phone: "+821012345678", language: ko}
  - {id: alex, name: Alex Martin, email: alex@example.com}
teams:
  - {id: web, name: Web, members: [minji], channels: [pager], on_call: [{person: minji}]}
catch_all: web
`

type alertKey struct{}

// services are the stand-ins of a script.
type services struct {
	pager *notifytest.PagerDuty
	sms   *notifytest.Vendor
	hook  *notifytest.Vendor
}

// RunAlert runs every script of a folder with stand-ins for PagerDuty, Twilio
// and a webhook and, in the script's folder, a neverlapse.yaml for them. Beside
// exits there are
//
//	trouble SERVICE MODE      pager, sms or hook behaves so from now on
//	took SERVICE PATTERN      what it took last reads so
//	incident STATUS PATTERN   the newest incident has that status and title
func RunAlert(t *testing.T, dir string) {
	t.Helper()
	testscript.Run(t, testscript.Params{
		Dir:   dir,
		Setup: setupAlert,
		Cmds:  map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "trouble": trouble, "took": took, "incident": incident},
	})
}

func setupAlert(e *testscript.Env) error {
	pager, err := notifytest.NewPagerDuty()
	if err != nil {
		return err
	}
	e.Defer(func() { pager.Close() })
	sms, err := notifytest.NewTwilio()
	if err != nil {
		return err
	}
	e.Defer(func() { sms.Close() })
	hook, err := notifytest.NewVendor(func(notifytest.Asked) notifytest.Said { return notifytest.Said{Status: 200, Body: "{}"} })
	if err != nil {
		return err
	}
	e.Defer(func() { hook.Close() })
	e.Values[alertKey{}] = services{pager, sms, hook}
	text := fmt.Sprintf(alertConfig, pager.Events(), pager.RoutingKey, sms.URL(), notifytest.TwilioAccount, notifytest.TwilioToken, notifytest.TwilioFrom, hook.URL()+"/s3cr3t")
	return os.WriteFile(filepath.Join(e.WorkDir, "neverlapse.yaml"), []byte(text), 0o600)
}

func (s services) vendor(name string) *notifytest.Vendor {
	return map[string]*notifytest.Vendor{"pager": s.pager.Vendor, "sms": s.sms, "hook": s.hook}[name]
}

func trouble(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: trouble SERVICE MODE")
	}
	ts.Value(alertKey{}).(services).vendor(args[0]).SetMode(notifytest.VendorMode(args[1]))
}

func took(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: took SERVICE PATTERN")
	}
	all := ts.Value(alertKey{}).(services).vendor(args[0]).Taken()
	if len(all) == 0 || !regexp.MustCompile(args[1]).MatchString(all[len(all)-1].Body) {
		ts.Fatalf("%d requests, the last: %+v", len(all), all[max(0, len(all)-1):])
	}
}

func incident(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: incident STATUS PATTERN")
	}
	all := ts.Value(alertKey{}).(services).pager.Incidents()
	if len(all) == 0 || all[len(all)-1].Status != args[0] || !regexp.MustCompile(args[1]).MatchString(all[len(all)-1].Title) {
		ts.Fatalf("incidents: %+v", all)
	}
}
