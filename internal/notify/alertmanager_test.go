package notify_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/notify"
	"github.com/neverlapse/neverlapse/internal/notify/notifytest"
	"github.com/neverlapse/neverlapse/internal/target/targettest"
)

var (
	_ activities.Channel = (*notify.Alertmanager)(nil)
	_ activities.Updater = (*notify.Alertmanager)(nil)
)

func alertmanager(t *testing.T, urls ...string) *notify.Alertmanager {
	t.Helper()
	c, err := notify.NewAlertmanager(notify.AlertmanagerOptions{URLs: urls, Username: "neverlapse", Password: "s3cr3t-am", Labels: map[string]string{"service": "tls"}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestAlertmanagerKeepsTheContract(t *testing.T) {
	t.Parallel()
	notifytest.Run(t, func(t *testing.T) notifytest.Bench {
		s, err := notifytest.NewAlertmanager()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return notifytest.Bench{
			Kind: notify.KindAlertmanager, Address: "am", Channel: alertmanager(t, s.URL()+"/"), Deduplicates: true, Secrets: []string{"s3cr3t-am"}, Trouble: s.Troubles(), Heal: s.Heal, Answers: s.SetAnswer, Open: s.Open,
			Delivered: func() (out []notifytest.Delivery) {
				for _, a := range s.Taken() {
					if a.EndsAt.Before(time.Now()) {
						continue // the end of what it was before
					}
					out = append(out, notifytest.Delivery{ID: a.Key(), Reading: a.Annotations["summary"] + "\n" + a.Annotations["description"]})
				}
				return out
			},
		}
	})
}

func amMessage(severity alert.Severity, key string, first *alert.Receipt) alert.Message {
	n := notifytest.Sample()
	n.Severity, n.Key, n.At = severity, key, time.Now()
	m := notifytest.Message(n, notify.KindAlertmanager, "am", "en")
	m.InReplyTo = first
	return m
}

func TestOneMemberOfAClusterThatAnswersIsEnough(t *testing.T) {
	s, err := notifytest.NewAlertmanager()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	c := alertmanager(t, "http://127.0.0.1:1", s.URL())
	if _, err := c.Send(t.Context(), amMessage(alert.P1, "a", nil), false); err != nil || s.Open() != 1 {
		t.Errorf("%d open: %v", s.Open(), err)
	}
	s.SetMode(notifytest.VendorFails)
	if _, err := c.Send(t.Context(), amMessage(alert.P1, "a", nil), true); err == nil {
		t.Error("nobody took it, and there is no error")
	}
}

func TestWhatIsWrongWithAnAlertmanagerIsSaid(t *testing.T) {
	for want, o := range map[string]notify.AlertmanagerOptions{
		"urls is required":                             {},
		"urls[0] is not encrypted (http://am:9093)":    {URLs: []string{"http://am:9093"}},
		"labels.a-b: is not a name of a label":         {URLs: []string{"https://am"}, Labels: map[string]string{"a-b": "x"}},
		"hold 1m0s is shorter than an hour":            {URLs: []string{"https://am"}, Hold: time.Minute},
		"username and bearer_token exclude each other": {URLs: []string{"https://am"}, Username: "a", Password: "b", BearerToken: "c"},
		"password or password_file is required":        {URLs: []string{"https://am"}, Username: "a"},
	} {
		if _, err := notify.NewAlertmanager(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// realAlertmanager starts one that resolves what is not sent again after a
// second, and tells a webhook of everything at once.
func realAlertmanager(t *testing.T) (url string, told *notifytest.Vendor) {
	t.Helper()
	targettest.NeedProgram(t, "prometheus-alertmanager")
	told = vendor(t, takesAll)
	dir := t.TempDir()
	config := fmt.Sprintf("global: {resolve_timeout: 1s}\nroute: {receiver: hook, group_by: ['...'], group_wait: 0s, group_interval: 1s, repeat_interval: 1h}\nreceivers: [{name: hook, webhook_configs: [{url: %q, send_resolved: true}]}]\n", told.URL())
	file := filepath.Join(dir, "am.yml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	port, err := targettest.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	address := fmt.Sprintf("127.0.0.1:%d", port)
	p, err := targettest.StartProcess(filepath.Join(dir, "log"), nil, "prometheus-alertmanager", "--config.file="+file, "--storage.path="+dir, "--web.listen-address="+address, "--cluster.listen-address=")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Stop()
		if t.Failed() {
			t.Log(p.Said())
		}
	})
	for end := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		resp, err := http.Get("http://" + address + "/-/ready")
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return "http://" + address, told
			}
		}
		if time.Now().After(end) {
			t.Fatalf("it does not get ready: %v\n%s", err, p.Said())
		}
	}
}

func alertsThere(t *testing.T, url string) (out []notifytest.AlertThere) {
	t.Helper()
	resp, err := http.Get(url + "/api/v2/alerts")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&out); err != nil {
		t.Fatal(err)
	}
	return out
}

// statuses are what the receiver of a real Alertmanager was told, in order.
func statuses(told []notifytest.Asked) (out []string) {
	for _, a := range told {
		var n struct {
			Status string
			Alerts []struct{ Labels map[string]string }
		}
		if json.Unmarshal([]byte(a.Body), &n) == nil && len(n.Alerts) > 0 {
			out = append(out, n.Status+" "+n.Alerts[0].Labels["alertname"]+" "+n.Alerts[0].Labels["severity"]+" "+n.Alerts[0].Labels["priority"])
		}
	}
	return out
}

func TestARealAlertmanagerKeepsAnAlertUntilItIsResolved(t *testing.T) {
	t.Parallel()
	url, told := realAlertmanager(t)
	c := alertmanager(t, url)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if found, err := c.Reach(ctx); err != nil || found != "1 Alertmanagers answer" {
		t.Fatalf("reached: %q, %v", found, err)
	}
	wait := func(want ...string) {
		t.Helper()
		if err := told.Wait(ctx, func(all []notifytest.Asked) bool { return len(statuses(all)) >= len(want) }); err != nil {
			t.Fatalf("%v: %v", err, statuses(told.Taken()))
		}
		got := strings.Join(statuses(told.Taken()), "\n")
		for _, w := range want {
			if !strings.Contains(got, w) {
				t.Fatalf("it told\n%s\nwant %v", got, want)
			}
		}
	}
	first, err := c.Send(ctx, amMessage(alert.P3, "first", nil), false)
	if err != nil {
		t.Fatal(err)
	}
	fired := "firing NeverlapseAttemptsSpent warning P3"
	wait(fired)
	if there := alertsThere(t, url); len(there) != 1 || time.Until(there[0].EndsAt) < 29*24*time.Hour || there[0].Labels["service"] != "tls" || !strings.Contains(there[0].Annotations["description"], "nginx: [emerg]") {
		t.Fatalf("it has %+v; its resolve_timeout is a second", there)
	}
	step := amMessage(alert.P3, "step", &first)
	if _, err := c.Send(ctx, step, false); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Send(ctx, amMessage(alert.P1, "raised", &first), false); err != nil { // its receipt is not kept, that of the first is
		t.Fatal(err)
	}
	over := "resolved NeverlapseAttemptsSpent warning P3"
	raised := "firing NeverlapseAttemptsSpent critical P1"
	wait(fired, over, raised)
	m := amMessage(alert.P1, "resolved", &first)
	m.Notice.Phase = alert.Resolved
	if err := c.Update(ctx, first, m); err != nil {
		t.Fatal(err)
	}
	wait(fired, over, raised, "resolved NeverlapseAttemptsSpent critical P1")
	if n := len(statuses(told.Taken())); n != 4 {
		t.Errorf("it told %d times: %v", n, statuses(told.Taken()))
	}
}
