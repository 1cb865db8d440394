package notify_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/notify"
	"github.com/neverlapse/neverlapse/internal/notify/notifytest"
)

var (
	_ activities.Channel = (*notify.Shoutrrr)(nil)
	_ activities.Updater = (*notify.Shoutrrr)(nil)
)

const ntfyPassword, ntfyTopic = "ntfyP4ssw0rd", "certs-s3cr3t-topic"

// ntfy is a server of ntfy, and the channel that publishes to it.
func ntfy(t *testing.T) (*notifytest.Vendor, *notify.Shoutrrr) {
	t.Helper()
	v := vendor(t, func(a notifytest.Asked) notifytest.Said {
		switch user, password, ok := login(a); {
		case !ok || user != "neverlapse" || password != ntfyPassword:
			return notifytest.Said{Status: 403, Body: `{"code":40301,"http":403,"error":"forbidden"}`}
		case a.Path != "/"+ntfyTopic || a.Body == "" || len(a.Body) > 4096*3:
			return notifytest.Said{Status: 400, Body: `{"code":40009,"http":400,"error":"topic name invalid"}`}
		}
		return notifytest.Said{Status: http.StatusOK, Body: `{"id":"sPs71M8A2T","event":"message"}`}
	})
	c, err := notify.NewShoutrrr(notify.ShoutrrrOptions{URL: notify.Secret("ntfy://neverlapse:" + ntfyPassword + "@" + strings.TrimPrefix(v.URL(), "http://") + "/" + ntfyTopic + "?scheme=http")})
	if err != nil {
		t.Fatal(err)
	}
	return v, c
}

func login(a notifytest.Asked) (user, password string, ok bool) {
	return (&http.Request{Header: a.Header}).BasicAuth()
}

func TestShoutrrrKeepsTheContract(t *testing.T) {
	t.Parallel()
	notifytest.Run(t, func(t *testing.T) notifytest.Bench {
		v, c := ntfy(t)
		return notifytest.Bench{
			Kind: notify.KindShoutrrr, Address: "ntfy", Channel: c, Secrets: []string{ntfyPassword, ntfyTopic}, Trouble: v.Troubles(), Heal: v.Heal, Answers: v.SetAnswer,
			Means: func(int, int) []fault.Kind { // the library shows the status in words, or not at all
				return []fault.Kind{fault.Transient, fault.Unavailable, fault.Configuration, fault.Invalid}
			},
			Delivered: func() (out []notifytest.Delivery) {
				for i, a := range v.Taken() {
					out = append(out, notifytest.Delivery{ID: fmt.Sprint(i), Reading: a.Header.Get("Title") + "\n" + a.Body})
				}
				return out
			},
		}
	})
}

func shoutrrrMessage() alert.Message {
	return notifytest.Message(notifytest.Sample(), notify.KindShoutrrr, "ntfy", "en")
}

func TestNoErrorOfTheLibraryShowsItsAddress(t *testing.T) {
	for name, address := range map[string]string{
		"gotify":     "gotify://127.0.0.1:1/AzyoeNS.D4iJLVa?disabletls=yes",
		"ntfy":       "ntfy://u:AzyoeNS.D4iJLVa@127.0.0.1:1/AzyoeNS.D4iJLVa?scheme=http",
		"matrix":     "matrix://user:AzyoeNS.D4iJLVa@127.0.0.1:1/?disableTLS=yes&rooms=room",
		"bark":       "bark://:AzyoeNS.D4iJLVa@127.0.0.1:1/?scheme=http",
		"mattermost": "mattermost://127.0.0.1:1/AzyoeNS.D4iJLVa?disabletls=yes",
	} {
		c, err := notify.NewShoutrrr(notify.ShoutrrrOptions{URL: notify.Secret(address)})
		if err == nil {
			_, err = c.Send(t.Context(), shoutrrrMessage(), false)
		}
		if err == nil || strings.Contains(err.Error(), "AzyoeNS") || strings.Contains(err.Error(), "D4iJLVa") {
			t.Errorf("%s: %v", name, err)
		} else {
			t.Logf("%s: %s: %v", name, fault.KindOf(err), err)
		}
	}
}

func TestAServiceThatIsBetterServedOrUnknownIsRefused(t *testing.T) {
	for want, address := range map[string]string{
		"slack is better served by the kind slack":     "slack://xoxb:123456789012-1234567890123-s3cr3ttokens3cr3ttokens3@C001CH4NN3L",
		"teams is better served by the kind teams":     "teams://s3cr3t@a/b/c/d?host=x.webhook.office.com",
		"generic is better served by the kind webhook": "generic+https://s3cr3t.example.com/x",
		"logger is better served by the kind console":  "logger://",
		"unknown service":                 "pigeon://s3cr3t@example.com",
		"is not the address of a service": "s3cr3t",
		"url or url_file is required":     "",
	} {
		if _, err := notify.NewShoutrrr(notify.ShoutrrrOptions{URL: notify.Secret(address)}); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func TestNobodyIsRungByANameInACertificate(t *testing.T) {
	v, c := ntfy(t)
	m := shoutrrrMessage()
	m.Notice.Owner, m.Notice.Cause = "@everyone", "<@123> @here <!channel> @channel"
	if _, err := c.Send(t.Context(), m, false); err != nil {
		t.Fatal(err)
	}
	for _, live := range []string{"@everyone", "<@123", "@here", "<!channel", "@channel"} {
		if body := v.Taken()[0].Body; strings.Contains(body, live) {
			t.Errorf("%s is alive in\n%s", live, body)
		}
	}
}
