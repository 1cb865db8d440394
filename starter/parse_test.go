package main

import (
	"strings"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
)

func seoul(t *testing.T) *cli {
	t.Helper()
	zone, err := time.LoadLocation("Asia/Seoul")
	if err != nil {
		t.Fatal(err)
	}
	c := newCLI(nil, nil, nil)
	c.zone, c.now = zone, func() time.Time { return today }
	return c
}

func TestInstantsAreDatesHereOrDurationsFromNow(t *testing.T) {
	c := seoul(t)
	for text, want := range map[string]string{
		"2026-08-31":                "2026-08-30T15:00:00Z",
		"2026-08-31 18:00":          "2026-08-31T09:00:00Z",
		"2026-08-31T18:00":          "2026-08-31T09:00:00Z",
		"2026-08-31T18:00:00Z":      "2026-08-31T18:00:00Z",
		"2026-08-31T18:00:00+02:00": "2026-08-31T16:00:00Z",
		"30d":                       "2026-07-01T03:00:00Z",
		"1d12h":                     "2026-06-02T15:00:00Z",
	} {
		got, err := c.instant("until", text)
		if err != nil || got.Format(time.RFC3339) != want {
			t.Errorf("%s: %s %v, want %s", text, got.Format(time.RFC3339), err, want)
		}
	}
	for _, text := range []string{"", "30", "33%", "2026-13-01", "-3d", "tomorrow", "40000d"} {
		if got, err := c.instant("until", text); err == nil {
			t.Errorf("%q was taken as %s", text, got)
		}
	}
}

func TestEndpointsNameTheirTarget(t *testing.T) {
	for text, want := range map[string]cert.Endpoint{
		"WWW.Example.com":                    {Host: "www.example.com", Port: 443},
		"10.0.0.1:8443#shop.example.com@web": {Host: "10.0.0.1", Port: 8443, ServerName: "shop.example.com", Target: "web"},
		"[2001:db8::1]:443@web-2":            {Host: "2001:db8::1", Port: 443, Target: "web-2"},
		"smtp://Mail.example.com@mail-1":     {Host: "mail.example.com", Port: 25, StartTLS: "smtp", Target: "mail-1"},
	} {
		got, err := endpoint(text, "")
		if err != nil {
			t.Error(err)
		}
		wantEqual(t, got, want)
	}
	for text, want := range map[string]cert.Endpoint{
		"mail.example.com":          {Host: "mail.example.com", Port: 143, StartTLS: "imap"},
		"mail.example.com:1143":     {Host: "mail.example.com", Port: 1143, StartTLS: "imap"},
		"smtp://mail.example.com:1": {Host: "mail.example.com", Port: 1, StartTLS: "smtp"},
	} {
		got, err := endpoint(text, "imap")
		if err != nil {
			t.Error(err)
		}
		wantEqual(t, got, want)
	}
	if _, err := endpoint("www.example.com", "telnet"); err == nil || !strings.Contains(err.Error(), `--starttls: "telnet" is no protocol`) || !strings.Contains(err.Error(), "smtp, imap") {
		t.Errorf("--starttls telnet: %v", err)
	}
	for _, text := range []string{"", "a b", "www.example.com:0", "www.example.com:443@", "*.example.com", "www.example.com#bad name"} {
		if got, err := endpoint(text, ""); err == nil {
			t.Errorf("%q was taken as %+v", text, got)
		}
	}
}

func TestWhoAsksIsTakenFromTheFlagTheEnvironmentOrTheMachine(t *testing.T) {
	for want, tc := range map[string]struct{ env, args []string }{
		"minji": {nil, nil},
		"jiho":  {nil, []string{"--as", "jiho"}},
		"sora":  {[]string{"NEVERLAPSE_USER=sora"}, nil},
	} {
		f := &fake{}
		code, _, errs := invoke(t, f, tc.env, append([]string{"resume", "www"}, tc.args...)...)
		wantCode(t, code, exitOK, errs)
		r := requestOf(t, f)
		if r.By != want || r.Via != "cli" || r.ID == "" || r.ID != f.updates[0].UpdateID {
			t.Errorf("%+v with update ID %s, want one by %s", r, f.updates[0].UpdateID, want)
		}
	}
	c := seoul(t)
	if r, err := c.request(""); err != nil || r.By != machineUser() {
		t.Errorf("%+v %v, want one by %s", r, err, machineUser())
	}
	if _, err := c.request(strings.Repeat("x", maxNote+1)); err == nil {
		t.Error("a note of any length is taken")
	}
}

func TestTimesAreShownHereAndInUTC(t *testing.T) {
	c := seoul(t)
	for want, at := range map[string]time.Time{
		"2026-06-01 12:00 KST (03:00 UTC)":            today,
		"2026-06-02 03:00 KST (2026-06-01 18:00 UTC)": today.Add(15 * time.Hour),
		"-": {},
	} {
		if got := c.when(at); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	c.zone = time.UTC
	if got := c.when(today); got != "2026-06-01 03:00 UTC" {
		t.Errorf("got %q", got)
	}
}

func TestWhatIsLeftIsFloored(t *testing.T) {
	c := seoul(t)
	for want, left := range map[string]time.Duration{
		"expired": -time.Second, "0m": time.Second, "119m": 2*time.Hour - 1, "47h": 48*time.Hour - 1, "2d": 72*time.Hour - 1, "90d": 90 * 24 * time.Hour,
	} {
		if got := c.left(today.Add(left)); got != want {
			t.Errorf("%s: got %q, want %q", left, got, want)
		}
	}
	for want, left := range map[string]time.Duration{
		"expired 60 minutes ago": -time.Hour, "expired 25 hours ago": -25 * time.Hour, "expired 2 days ago": -49 * time.Hour, "5 hours left": 5 * time.Hour, "3 days left": 80 * time.Hour,
	} {
		if got := c.leftInWords(today.Add(left)); got != want {
			t.Errorf("%s: got %q, want %q", left, got, want)
		}
	}
}
