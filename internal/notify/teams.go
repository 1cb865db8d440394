package notify

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

// KindTeams is a channel or chat of Microsoft Teams.
const KindTeams = "teams"

// TeamsGuarantees is what Teams promises.
var TeamsGuarantees = Guarantees{Kind: KindTeams, Deduplicates: "no", ReachesOne: true, ReachesGroup: true, Own: true}

// maxTeams is how long a message may be: 28 KB for Teams, less what the workflow
// adds to it.
const maxTeams = 27 << 10

// TeamsOptions configures a workflow "When a Teams webhook request is received".
type TeamsOptions struct {
	Reaching `mapstructure:",squash"`
	URL      Secret `mapstructure:"url"` // whoever has it can post
	URLFile  string `mapstructure:"url_file"`
}

// Validate checks what can be checked without dialling.
func (o TeamsOptions) Validate() error {
	return named(KindTeams, o.Reaching.validate(), checkSecret("url", o.URL, o.URLFile, true))
}

// Teams posts Adaptive Cards through a workflow.
type Teams struct {
	url    string
	caller *caller
}

// NewTeams reads the address and makes the channel; it does not dial.
func NewTeams(o TeamsOptions) (*Teams, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	address, err := readSecret("url", o.URL, o.URLFile)
	if err != nil {
		return nil, named(KindTeams, err)
	}
	u, err := checkURL("url", address, false)
	switch {
	case err != nil:
		return nil, named(KindTeams, err)
	case strings.HasSuffix(u.Hostname(), "webhook.office.com"):
		return nil, named(KindTeams, errors.New("url is that of a connector, which Microsoft has retired; make a workflow instead, docs/channels.md shows how"))
	}
	c, err := newCaller(KindTeams, o.Reaching, teamsSecrets(u)...)
	return &Teams{address, c}, named(KindTeams, err)
}

// teamsSecrets are the parts of the address that nobody else may know.
func teamsSecrets(u *url.URL) []string {
	return []string{u.String(), u.RequestURI(), u.RawQuery, u.Query().Get("sig")}
}

// Send posts the card. A repetition posts it again: a workflow cannot tell.
func (t *Teams) Send(ctx context.Context, m alert.Message, _ bool) (alert.Receipt, error) {
	if err := t.post(ctx, m); err != nil {
		return alert.Receipt{}, err
	}
	thread := ""
	if r := m.InReplyTo; r != nil && r.Kind == KindTeams {
		thread = threadOf(*r)
	}
	return receipt(m, KindTeams, m.Address, m.DedupKey, thread, time.Now()), nil
}

// Update posts another card when the alert is resolved, one a thread.
func (t *Teams) Update(ctx context.Context, r alert.Receipt, m alert.Message) error {
	if m.Notice.Phase != alert.Resolved || !begins(r) {
		return nil
	}
	return t.post(ctx, asSent(m, r))
}

func (t *Teams) post(ctx context.Context, m alert.Message) error {
	body, err := teamsBody(m)
	if err != nil {
		return fault.New(fault.Invalid, "%s: %w", KindTeams, err)
	}
	req, err := post(ctx, http.MethodPost, t.url, "application/json", body)
	if err != nil {
		return err
	}
	r, err := t.caller.call(req)
	if err != nil || r.ok() {
		return err
	}
	var said struct {
		Error struct {
			Code    string `json:"code"`
			Message string `json:"message"`
		} `json:"error"`
	}
	_ = json.Unmarshal(r.body, &said) // what is no JSON says nothing
	words := strings.Trim(said.Error.Code+": "+said.Error.Message, ": ")
	return t.caller.refusal(r, words, "is the workflow still there and switched on, and may anyone trigger it? copy its URL again")
}

// teamsBody lays the message out, shorter and shorter until it fits.
func teamsBody(m alert.Message) (body []byte, err error) {
	t := text(m)
	for _, limit := range []cardLimit{{40, 4000}, {20, 600}, {8, 300}, {3, 200}, {0, 150}} {
		body, err = toCard(m.Notice, t, limit)
		if err != nil || len(body) <= maxTeams {
			break
		}
	}
	return body, err
}
