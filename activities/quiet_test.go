package activities_test

import (
	"slices"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/people"
)

func night(t *testing.T) []people.Quiet {
	t.Helper()
	var q people.Quiet
	for text, to := range map[string]*people.WallTime{"20:00": &q.From, "08:00": &q.Until} {
		if err := to.UnmarshalText([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	return []people.Quiet{q}
}

func TestInQuietHoursOnlyWhatDoesNotInterruptIsUsed(t *testing.T) {
	w := begin(t)
	w.Channels = lines(
		activities.Channeled{Name: "slack", Kind: "slack", Interrupts: true}, activities.Channeled{Name: "sms", Kind: "sms", Interrupts: true}, activities.Channeled{Name: "mail", Kind: "email"}, activities.Channeled{Name: "log", Kind: "console", LastResort: true},
	)
	w.Directory = knowing(people.Directory{
		People: []people.Person{
			{ID: "both", Email: "both@example.com", Slack: "U1", TimeZone: "UTC", Quiet: night(t)},
			{ID: "loud", Slack: "U2", TimeZone: "UTC", Quiet: night(t)},
			{ID: "awake", Slack: "U3", Email: "awake@example.com"},
		},
		Teams:    []people.Team{{ID: "ops", Members: []string{"both", "loud", "awake"}}},
		CatchAll: "ops",
	})
	evening := time.Date(2027, 1, 4, 21, 0, 0, 0, time.UTC)
	morning := evening.Add(11 * time.Hour)
	for name, c := range map[string]struct {
		reach   alert.Reach
		mayWait time.Time
		again   []string
		want    []string
	}{
		"what can wait until they end":             {alert.Direct, morning, nil, []string{"both by mail again", "loud by  again", "awake by slack"}},
		"by two kinds":                             {alert.Wide, morning.Add(time.Hour), nil, []string{"both by mail again", "loud by  again", "awake by slack", "awake by mail"}},
		"what may not wait so long":                {alert.Direct, morning.Add(-time.Second), nil, []string{"both by slack", "loud by slack", "awake by slack"}},
		"what may not wait at all":                 {alert.Wide, time.Time{}, nil, []string{"both by slack", "both by mail", "loud by slack", "loud by log", "awake by slack", "awake by mail"}},
		"again, while one sleeps still":            {alert.Direct, morning, []string{"loud", "awake"}, []string{"loud by  again", "awake by slack"}},
		"again, when others fill the role by then": {alert.Direct, morning, []string{"gone"}, []string{"both by  again", "loud by  again", "awake by slack"}},
	} {
		in := activities.AddressInput{Question: people.Question{Roles: []people.Role{people.TeamAll}, Team: "ops", At: evening}, Reach: c.reach, MayWait: c.mayWait, Again: c.again != nil, To: c.again}
		var got []string
		for _, d := range must[[]activities.Delivery](w, w.Address, in) {
			text := d.To.ID + " by " + d.Way.Channel
			if !d.Hushed.IsZero() {
				text += " again"
				if !d.Hushed.Equal(morning) || slices.ContainsFunc(d.Others, func(o activities.Way) bool { return o.Kind != "email" }) {
					t.Errorf("%s: %+v", name, d)
				}
			}
			got = append(got, text)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
