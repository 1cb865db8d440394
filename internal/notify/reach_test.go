package notify_test

import (
	"strings"
	"testing"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/notify"
	"github.com/neverlapse/neverlapse/internal/notify/notifytest"
)

// reached is a channel, what its other side took as messages, and how it refuses
// a login; nil: a login shows only when something is sent.
type reached struct {
	channel  activities.Reacher
	messages func() int
	refuse   func()
	down     func()
	found    string
	secret   string
}

func reachable(t *testing.T) map[string]reached {
	teams, toTeams := teamsChannel(t)
	pager, toPager := pagerDuty(t)
	hook := vendor(t, takesAll)
	toHook := webhook(t, notify.WebhookOptions{URL: hook.URL() + `/hooks/{{secret "token"}}`, SecretFiles: map[string]string{"token": kept(t, hookToken)}})
	mail := mailServer(t)
	mode := func(v *notifytest.Vendor, m notifytest.VendorMode) func() { return func() { v.SetMode(m) } }
	posts := func(v *notifytest.Vendor) func() int {
		return func() (n int) {
			for _, a := range v.Taken() {
				if a.Method == "POST" && strings.Contains(a.Body, "Publish") || strings.HasPrefix(a.Path, "/hooks") {
					n++
				}
			}
			return n
		}
	}
	out := map[string]reached{
		"teams":     {toTeams, func() int { return len(teams.Taken()) }, nil, mode(teams, notifytest.VendorDown), "answers; whether it takes messages", "s1gn4tur3"},
		"pagerduty": {toPager, func() int { return len(pager.Incidents()) }, nil, mode(pager.Vendor, notifytest.VendorDown), "answers; whether it takes messages", pager.RoutingKey},
		"webhook":   {toHook, posts(hook), nil, mode(hook, notifytest.VendorDown), "answers; whether it takes messages", hookToken},
		"email": {emailChannel(t, mail), func() int { return len(mail.Mails()) }, func() { mail.SetMode(notifytest.MailBadLogin) }, func() { mail.SetMode(notifytest.MailDown) },
			"takes the login of", mail.Password},
	}
	for name, provider := range smsProviders {
		v, o := provider(t)
		t.Cleanup(func() { v.Close() })
		found := map[string]string{"twilio": "the account is active", "sns": "SNS takes the access key"}[name]
		out[name] = reached{sms(t, o), posts(v), mode(v, notifytest.VendorBadLogin), mode(v, notifytest.VendorDown), found, notifytest.TwilioToken}
	}
	return out
}

func TestAChannelIsReachedWithoutSendingAnything(t *testing.T) {
	for name, r := range reachable(t) {
		found, err := r.channel.Reach(t.Context())
		if err != nil || !strings.Contains(found, r.found) || strings.Contains(found, r.secret) {
			t.Errorf("%s: %q, %v", name, found, err)
		}
		if r.refuse != nil {
			r.refuse()
			if found, err := r.channel.Reach(t.Context()); !fault.Is(err, fault.Configuration) || strings.Contains(err.Error(), r.secret) {
				t.Errorf("%s, which refuses the login: %q, %v", name, found, err)
			}
		}
		r.down()
		if found, err := r.channel.Reach(t.Context()); err == nil || strings.Contains(err.Error(), r.secret) {
			t.Errorf("%s, which is down: %q, %v", name, found, err)
		}
		if n := r.messages(); n != 0 {
			t.Errorf("%s was sent %d messages", name, n)
		}
	}
}
