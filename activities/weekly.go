package activities

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/people"
)

// Roll lists every enrolled certificate from the engine's index; app implements it.
type Roll interface {
	// Enrolled gives a page, and the token of the next page; none after the last.
	Enrolled(ctx context.Context, token []byte) (page []Enrolled, next []byte, err error)
}

// Enrolled is a certificate as the index knows it.
type Enrolled struct {
	Name, Owner, Team string
	Managed           bool
	Severity          alert.Severity // of its most urgent open alert
	KeyAlgorithm      string
	NotAfter          time.Time
	NextStepAt        time.Time
	Live              cert.Version
	Environment       string
	Endpoints         []cert.Endpoint
}

// comingIn is how far a digest looks ahead, and maxLifetime how long clients let
// certificates live that were issued before 2026-03-15 (CA/Browser Forum, BR 6.3.2).
const (
	comingIn    = 14 * 24 * time.Hour
	maxLifetime = 398 * 24 * time.Hour
)

// WeeklyInput asks for the week of a team up to an instant.
type WeeklyInput struct {
	Team string    `json:"team"`
	To   time.Time `json:"to,omitzero"` // zero: now
}

// Weekly reads how the certificates of a team did in the last seven days and
// what comes: from the index, and of each of its certificates the journal. What
// belongs to nobody is told to the catch-all team. NotFound: there is no such team.
func (a *Activities) Weekly(ctx context.Context, in WeeklyInput) (alert.Weekly, error) {
	progress, stop := beat(ctx)
	defer stop()
	out, err := a.weekly(ctx, in, progress)
	return out, toTemporal(err, a.Now())
}

func (a *Activities) weekly(ctx context.Context, in WeeklyInput, progress func(string)) (alert.Weekly, error) {
	d := a.Directory()
	team, ok := d.Team(in.Team)
	if !ok {
		return alert.Weekly{}, fault.New(fault.NotFound, "no team is called %q", in.Team)
	}
	if in.To.IsZero() {
		in.To = a.Now()
	}
	w := week{Weekly: alert.Weekly{Team: team.Name, From: in.To.AddDate(0, 0, -7).UTC(), To: in.To.UTC()}, directory: d, words: map[string]*alert.WeeklyWord{}}
	if w.Team == "" {
		w.Team = team.ID
	}
	var all []Enrolled
	for token := []byte(nil); ; {
		page, next, err := a.Roll.Enrolled(ctx, token)
		if err != nil {
			return alert.Weekly{}, err
		}
		for _, e := range page {
			if d.TeamFor(e.Owner, e.Team) == team.ID {
				all = append(all, e)
			}
		}
		if token = next; len(next) == 0 {
			break
		}
	}
	slices.SortFunc(all, func(x, y Enrolled) int {
		return alert.ByUrgency(alert.Standing{Certificate: x.Name, Severity: x.Severity, NotAfter: x.NotAfter}, alert.Standing{Certificate: y.Name, Severity: y.Severity, NotAfter: y.NotAfter})
	})
	for _, e := range all {
		progress("reading the journal of " + e.Name)
		entries, err := a.Store.Entries(ctx, e.Name)
		if err != nil {
			return alert.Weekly{}, ours(err)
		}
		w.add(e, entries)
	}
	return w.done(), nil
}

// week is a digest that is being written.
type week struct {
	alert.Weekly
	directory people.Directory
	words     map[string]*alert.WeeklyWord
}

// add takes in one certificate.
func (w *week) add(e Enrolled, entries []cert.Entry) {
	w.Certificates++
	row := alert.WeeklyRow{Certificate: e.Name, At: e.NotAfter, Severity: e.Severity}
	if !e.Live.NotBefore.Before(w.From) {
		w.Renewed.Add(row)
	}
	soon := w.To.Add(comingIn)
	switch next := e.Managed && !e.NextStepAt.IsZero() && e.NextStepAt.Before(soon); {
	case next:
		row.RenewAt = e.NextStepAt
		w.Coming.Add(row)
	case !e.NotAfter.IsZero() && e.NotAfter.Before(soon):
		w.Coming.Add(row)
	}
	row.RenewAt = time.Time{}
	if _, known := w.directory.Person(e.Owner); !known {
		gone := row
		gone.What = e.Owner
		w.Unowned.Add(gone)
	}
	if why := weakness(e); why != "" {
		weak := row
		weak.What = why
		w.Weak.Add(weak)
	}
	for _, entry := range entries {
		if !entry.At.Before(w.From) && entry.At.Before(w.To) {
			w.read(&row, entry)
		}
	}
	if row.Count > 0 || row.Severity != "" {
		w.Failed.Add(row)
	}
}

// read takes in what a journal says: failed attempts, and answers.
func (w *week) read(row *alert.WeeklyRow, e cert.Entry) {
	switch e.Kind {
	case "outcome":
		if failed(e.Details["outcome"]) {
			row.Count++
			row.What = e.Text
		}
	case "acknowledged", "snoozed":
		word := w.words[e.By]
		if word == nil {
			word = &alert.WeeklyWord{By: e.By}
			w.words[e.By] = word
		}
		if e.Kind == "acknowledged" {
			word.Acknowledged++
		} else {
			word.Snoozed++
		}
	}
}

// failed tells of the outcome of an attempt whether it is a failure; waiting is none.
func failed(outcome string) bool {
	return slices.Contains([]string{"validation-failed", "configuration-refused", "deploy-failed", "proof-failed", "rollback-unproven", "unknown", "ca-unavailable", "store-unavailable"}, outcome)
}

// weakness says what is weak about a certificate, as far as the index knows it.
func weakness(e Enrolled) string {
	bits, isRSA := strings.CutPrefix(e.KeyAlgorithm, "RSA")
	switch {
	case isRSA && len(bits) > 0 && (len(bits) < 4 || bits < "2048" && len(bits) == 4):
		return e.KeyAlgorithm + ": clients want RSA keys of 2048 bits or more"
	case strings.HasPrefix(e.KeyAlgorithm, "DSA"):
		return e.KeyAlgorithm + ": clients do not take such keys any more"
	case !e.Live.NotBefore.IsZero() && e.NotAfter.Sub(e.Live.NotBefore) > maxLifetime+24*time.Hour:
		return "it lives longer than 398 days"
	}
	return ""
}

// done sorts who answered.
func (w *week) done() alert.Weekly {
	for _, word := range w.words {
		w.Answered = append(w.Answered, *word)
	}
	slices.SortFunc(w.Answered, func(a, b alert.WeeklyWord) int { return strings.Compare(a.By, b.By) })
	return w.Weekly
}
