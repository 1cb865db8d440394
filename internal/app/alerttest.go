package app

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/config"
	"github.com/neverlapse/neverlapse/internal/people"
	"github.com/neverlapse/neverlapse/workflows"
)

// AlertTest is a notice that somebody fires at a channel to see what comes of it.
type AlertTest struct {
	Channel  string // of the configuration; empty: the only one
	To       string // person or team; empty: whoever of the catch-all the channel reaches
	Reason   alert.Reason
	Severity alert.Severity
	Language string            // empty: the reader's
	Resolve  bool              // tell the end of it, too, so that nothing stays open
	Status   *workflows.Status // the certificate that it is about; nil: one that does not exist
}

// AlertReport is what came back. Its JSON is a contract with scripts.
type AlertReport struct {
	Channel     string `json:"channel"`
	Kind        string `json:"kind"`
	To          string `json:"to"` // person or team
	Address     string `json:"address"`
	Certificate string `json:"certificate"`
	Alert       string `json:"alert"`
	Reason      string `json:"reason"`
	Severity    string `json:"severity"`
	ID          string `json:"id,omitempty"` // what the channel calls the message
	Millis      int64  `json:"millis"`       // until it was accepted, or was not
	Resolved    bool   `json:"resolved,omitempty"`
	Error       string `json:"error,omitempty"`
}

// TestAlert sends the notice by one channel, once: nothing is retried, no other
// channel is tried, and no workflow knows of it. Every text of it says that it
// is a test. Errors of the configuration come before anything is sent.
func TestAlert(c config.Config, t AlertTest, say func(what, found string)) (func(context.Context) (AlertReport, error), error) {
	ch, err := pickChannel(c, t.Channel)
	if err != nil {
		return nil, err
	}
	to, address, err := testReader(c.Directory(), ch, t.To)
	if err != nil {
		return nil, err
	}
	if t.Language != "" {
		to.Language = t.Language
	}
	n := testNotice(c, t, time.Now())
	m := alert.Message{Notice: n, To: to, Channel: ch.Name, Kind: ch.Kind, Address: address, DedupKey: n.Key + "/" + to.ID + "/" + ch.Name}
	report := AlertReport{
		Channel: ch.Name, Kind: ch.Kind, To: to.ID, Address: address, Certificate: n.Certificate, Alert: n.AlertID,
		Reason: string(n.Reason), Severity: string(n.Severity),
	}
	return func(ctx context.Context) (AlertReport, error) {
		err := fire(ctx, ch, m, t.Resolve, &report, say)
		if err != nil {
			report.Error = err.Error()
		}
		return report, err
	}, nil
}

func fire(ctx context.Context, ch activities.Channeled, m alert.Message, resolve bool, report *AlertReport, say func(what, found string)) error {
	say("channel", fmt.Sprintf("%s (%s)", ch.Name, ch.Kind))
	say("to", fmt.Sprintf("%s at %s", report.To, report.Address))
	say("alert", fmt.Sprintf("%s %s of %s", report.Severity, report.Reason, report.Certificate))
	begun := time.Now()
	r, err := ch.Channel.Send(ctx, m, false)
	report.Millis = time.Since(begun).Milliseconds()
	if err != nil {
		return err
	}
	report.ID = r.ID
	say("accepted", fmt.Sprintf("after %d ms, as %s", report.Millis, alert.Clean(r.ID)))
	u, ok := ch.Channel.(activities.Updater)
	if !ok || !resolve {
		return nil
	}
	m.Notice.Phase, m.Notice.Evidence, m.InReplyTo = alert.Resolved, "the test is over", &r
	m.Notice.Key += "/resolved"
	m.DedupKey = m.Notice.Key + "/" + m.To.ID + "/" + ch.Name
	if err := u.Update(ctx, r, m); err != nil {
		return fmt.Errorf("it was accepted, but its end could not be told: %w", err)
	}
	report.Resolved = true
	say("resolved", "its end was told, where the channel tells it")
	return nil
}

// pickChannel makes the channel that has the name, or the only one.
func pickChannel(c config.Config, name string) (activities.Channeled, error) {
	var names []string
	for i, x := range c.Channels {
		names = append(names, x.Name)
		if x.Name != name && (name != "" || len(c.Channels) != 1) {
			continue
		}
		path := fmt.Sprintf("channels[%d]", i)
		f, err := of(channels, path, x.Kind)
		if err != nil {
			return activities.Channeled{}, err
		}
		return f(x, path)
	}
	switch {
	case len(names) == 0:
		return activities.Channeled{}, fmt.Errorf("channels: there is none; docs/channels.md shows how to add one")
	case name == "":
		return activities.Channeled{}, fmt.Errorf("there are several channels; pick one by --channel: %s", strings.Join(names, ", "))
	}
	return activities.Channeled{}, fmt.Errorf("no channel is called %q; there is %s", name, strings.Join(names, ", "))
}

// testReader finds whom the test is for, and where the channel reaches them.
func testReader(d people.Directory, ch activities.Channeled, to string) (people.Contact, string, error) {
	contacts := d.CatchAllContacts(time.Now())
	who := "of the catch-all team"
	if to != "" {
		who = to
		if _, ok := d.Person(to); ok {
			contacts = d.Resolve(people.Question{Roles: []people.Role{people.Owner}, Owner: to})
		} else if _, ok := d.Team(to); ok {
			contacts = d.Resolve(people.Question{Roles: []people.Role{people.TeamAll}, Team: to})
		} else {
			return people.Contact{}, "", fmt.Errorf("--to: %q is neither a person nor a team of the directory", to)
		}
	}
	for _, c := range contacts {
		if address := ch.AddressFor(c); address != "" {
			return c, address, nil
		}
	}
	if guaranteed(strings.Split(ch.Kind, ":")[0]).Own && ch.AddressOf == "" && to == "" {
		return people.Contact{ID: "nobody", Name: "nobody"}, ch.Name, nil // it leads somewhere all the same
	}
	return people.Contact{}, "", fmt.Errorf("--to: channel %s reaches nobody %s: write an address, or the channel's name under channels, at a person or team of the directory; or say another by --to", ch.Name, who)
}

// testNotice tells of the certificate as it stands, or of one that does not exist.
func testNotice(c config.Config, t AlertTest, now time.Time) alert.Notice {
	n := alert.Notice{
		Phase: alert.Firing, Severity: t.Severity, Reason: t.Reason, Reach: alert.Direct, At: now.UTC(), Test: true, Certificate: "neverlapse-test",
		Names: []string{"test.example.com"}, Owner: "nobody", Version: cert.Version{Fingerprint: "00", NotAfter: now.Add(7 * 24 * time.Hour), Issuer: "nobody"},
		Next: alert.NextStep{Kind: "none"}, Commands: []string{"neverlapse alert test --help"},
	}
	if t.Status != nil {
		s := t.Status.State
		n.Certificate, n.Names, n.Managed, n.Environment, n.Owner, n.Team, n.Version = s.Spec.Name, s.Spec.Names, s.Spec.Managed, s.Spec.Environment, s.Spec.Owner, s.Spec.Team, s.Live
		n.Link, n.Commands = Link(c, s.Spec.Name), []string{"neverlapse status " + s.Spec.Name}
		for _, o := range s.Sight.Observations {
			n.Places = append(n.Places, alert.Place{Where: o.Where(), Fingerprint: o.Version.Fingerprint, NotAfter: o.Version.NotAfter, Err: o.Err})
		}
	}
	n.AlertID = n.Certificate + "/test-" + strings.ToLower(rand.Text()[:8]) + "/" + string(t.Reason)
	n.Key, n.Standing, n.Round = n.AlertID, "test", 1
	return n
}

// TestReasons are what a test can be about.
func TestReasons() []string {
	var out []string
	for _, r := range alert.Reasons {
		out = append(out, string(r))
	}
	slices.Sort(out)
	return out
}
