package notify

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/slack-go/slack"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

// SlackGuarantees is what Slack promises.
var SlackGuarantees = Guarantees{
	Kind: KindSlack, Interrupts: true, Interruption: "direct message; mention in a channel for P1 and P2",
	Deduplicates: "looked up before a retry (message metadata)",
	ReachesOne:   true, ReachesGroup: true, Answers: true, Updates: true,
}

// SlackOptions configures a Slack app. Its bot needs the scopes chat:write,
// im:write, channels:history, groups:history and im:history.
type SlackOptions struct {
	Token             Secret        `mapstructure:"token"` // bot token, xoxb-...
	TokenFile         string        `mapstructure:"token_file"`
	SigningSecret     Secret        `mapstructure:"signing_secret"` // proves that a click comes from Slack
	SigningSecretFile string        `mapstructure:"signing_secret_file"`
	APIURL            string        `mapstructure:"api_url"` // default https://slack.com/api/
	Timeout           time.Duration `mapstructure:"timeout"` // of one request; default 10s
}

var (
	slackUser    = regexp.MustCompile(`^[UW][A-Z0-9]{2,30}$`)
	slackChannel = regexp.MustCompile(`^[CGD][A-Z0-9]{2,30}$`)
)

// Validate checks what can be checked without dialling.
func (o SlackOptions) Validate() error {
	var errs []error
	errs = append(errs, checkSecret("token", o.Token, o.TokenFile, true))
	errs = append(errs, checkSecret("signing_secret", o.SigningSecret, o.SigningSecretFile, true))
	if o.APIURL != "" {
		if u, err := url.Parse(o.APIURL); err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
			errs = append(errs, fmt.Errorf("api_url %q is not an http(s) URL", o.APIURL))
		}
	}
	if o.Timeout < 0 {
		errs = append(errs, fmt.Errorf("timeout %v is negative", o.Timeout))
	}
	return named(KindSlack, errs...)
}

// ReadSigningSecret gives the signing secret, which the web handler of clicks needs.
func (o SlackOptions) ReadSigningSecret() (string, error) {
	s, err := readSecret("signing_secret", o.SigningSecret, o.SigningSecretFile)
	if err == nil && s == "" {
		err = errors.New("signing_secret or signing_secret_file is required")
	}
	return s, named(KindSlack, err)
}

// Slack posts messages with buttons into channels and direct messages.
type Slack struct {
	api    *slack.Client
	direct sync.Map // user ID -> ID of the direct message channel
}

// NewSlack reads the secrets and makes the channel; it does not dial.
func NewSlack(o SlackOptions) (*Slack, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	token, err := readSecret("token", o.Token, o.TokenFile)
	if err != nil {
		return nil, named(KindSlack, err)
	}
	if _, err := o.ReadSigningSecret(); err != nil {
		return nil, err
	}
	if o.Timeout == 0 {
		o.Timeout = 10 * time.Second
	}
	options := []slack.Option{slack.OptionHTTPClient(newHTTPClient(o.Timeout))}
	if o.APIURL != "" {
		options = append(options, slack.OptionAPIURL(strings.TrimSuffix(o.APIURL, "/")+"/"))
	}
	return &Slack{api: slack.New(token, options...)}, nil
}

// Send posts the message: into the alert's thread if one was begun at the same
// address, else as a message of its own. On a retry it first looks whether an
// earlier try arrived; where the app may not look, a duplicate is the lesser evil.
func (s *Slack) Send(ctx context.Context, m alert.Message, retry bool) (alert.Receipt, error) {
	if err := checkKey(m); err != nil {
		return alert.Receipt{}, err
	}
	address, conversation, err := s.conversation(ctx, m.Address)
	if err != nil {
		return alert.Receipt{}, err
	}
	thread := ""
	if r := m.InReplyTo; r != nil && r.Kind == KindSlack && r.Address == address {
		thread = threadOf(*r)
	}
	if retry {
		ts, err := s.find(ctx, conversation, thread, m.DedupKey)
		if err != nil && !fault.Is(err, fault.Configuration) && !fault.Is(err, fault.NotFound) {
			return alert.Receipt{}, err
		}
		if ts != "" {
			return slackReceipt(m, address, ts, thread), nil
		}
	}
	ts, err := s.post(ctx, conversation, thread, m)
	if thread != "" && fault.Is(err, fault.NotFound) { // somebody deleted the thread
		thread = ""
		ts, err = s.post(ctx, conversation, thread, m)
	}
	if err != nil {
		return alert.Receipt{}, err
	}
	return slackReceipt(m, address, ts, thread), nil
}

// Update changes the message in place; when the alert is resolved, its thread
// is told as well, once.
func (s *Slack) Update(ctx context.Context, r alert.Receipt, m alert.Message) error {
	if err := checkKey(m); err != nil {
		return err
	}
	m = asSent(m, r)
	_, conversation, err := s.conversation(ctx, r.Address)
	if err != nil {
		return err
	}
	_, _, _, err = s.api.UpdateMessageContext(ctx, conversation, r.ID, layout(m, conversation)...)
	err = slackFault("change a message", err)
	if m.Notice.Phase != alert.Resolved || !begins(r) || fault.Is(err, fault.NotFound) {
		return err
	}
	if err != nil && !fault.Is(err, fault.Configuration) {
		return err
	}
	return errors.Join(err, s.tellThread(ctx, conversation, r.ID, m))
}

func (s *Slack) tellThread(ctx context.Context, conversation, thread string, m alert.Message) error {
	ts, err := s.find(ctx, conversation, thread, m.DedupKey)
	if ts != "" || err != nil && !fault.Is(err, fault.Configuration) {
		return err
	}
	_, err = s.post(ctx, conversation, thread, m)
	return err
}

func (s *Slack) post(ctx context.Context, conversation, thread string, m alert.Message) (string, error) {
	options := append(layout(m, conversation), slack.MsgOptionMetadata(slack.SlackMetadata{
		EventType: noticeEvent, EventPayload: map[string]any{"dedup_key": m.DedupKey},
	}))
	if thread != "" {
		options = append(options, slack.MsgOptionTS(thread))
		if raised(m.Notice) {
			options = append(options, slack.MsgOptionBroadcast())
		}
	}
	_, ts, err := s.api.PostMessageContext(ctx, conversation, options...)
	return ts, slackFault("post a message", err)
}

// raised reports whether a follow-up must be seen outside its thread: it fires
// anew from the first step, or it pages.
func raised(n alert.Notice) bool {
	return n.Phase == alert.Firing && n.Reach != alert.Quiet && (n.Step == 0 || n.Severity == alert.P1)
}
