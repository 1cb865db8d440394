package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/neverlapse/neverlapse/internal/config"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
	"github.com/neverlapse/neverlapse/internal/notify"
	"github.com/neverlapse/neverlapse/internal/web"
)

// What a check of Slack may come to, beside what Slack refuses.
var (
	ErrNoClick  = errors.New("nobody pressed the button in time")
	ErrStranger = errors.New("whoever pressed is not in the directory")
)

// SlackReport is what a check of Slack found. Its JSON is a contract with scripts.
type SlackReport struct {
	Channel     string   `json:"channel"` // of the configuration
	Workspace   string   `json:"workspace,omitempty"`
	Bot         string   `json:"bot,omitempty"`
	Scopes      []string `json:"scopes,omitempty"`
	Clicks      string   `json:"clicks"`                // socket, http or none
	Connections int      `json:"connections,omitempty"` // of the app by Socket Mode, the check's own among them
	To          string   `json:"to"`                    // address as asked for
	ChannelID   string   `json:"channelID,omitempty"`   // where the message stands
	PressedBy   string   `json:"pressedBy,omitempty"`   // Slack user
	Person      string   `json:"person,omitempty"`      // of the directory
}

// SlackCheck tries a configured Slack app, from its tokens to a click.
type SlackCheck struct {
	config   config.Config
	channel  slackChannel
	slack    *notify.Slack
	receiver *socket // nil without Socket Mode
	language string
	report   SlackReport
	say      func(what, found string)
	every    time.Duration // between looks at the message
}

// NewSlackCheck picks the channel of kind slack that has the name, or the only
// one, and whom to write to: a person or team of the directory, a Slack ID or
// #name; the catch-all team if nothing is said. It dials nobody.
func NewSlackCheck(c config.Config, channel, to string, say func(what, found string)) (*SlackCheck, error) {
	s, err := pickSlack(c, channel)
	if err != nil {
		return nil, err
	}
	out := &SlackCheck{config: c, channel: s, say: say, every: 2 * time.Second}
	if out.report.To, out.language, err = slackAddress(c.Directory(), to); err != nil {
		return nil, err
	}
	if out.slack, err = notify.NewSlack(s.options); err != nil {
		return nil, config.Under(s.path, err)
	}
	out.report.Channel, out.report.Clicks = s.name, "none"
	clicks, err := s.clicks(c.Directory().BySlack, noAnswers{}, nil, nil, slog.New(slog.DiscardHandler))
	switch {
	case err != nil:
		return nil, err
	case s.options.Socket():
		out.report.Clicks = "socket"
		out.receiver, err = s.socket(clicks)
	case s.options.HTTP():
		out.report.Clicks = "http"
	}
	return out, err
}

// noAnswers leaves every click on an alert to the workers: what Slack gives to
// the check instead is not acknowledged.
type noAnswers struct{}

func (noAnswers) Answer(context.Context, web.Answer) error {
	return fault.New(fault.Unavailable, "this is a check of Slack and no worker")
}

func (n noAnswers) Signal(ctx context.Context, a web.Answer) error { return n.Answer(ctx, a) }

// Run tries everything in turn and stops at the first thing that fails. It waits
// so long for the click.
func (s *SlackCheck) Run(ctx context.Context, wait time.Duration) (SlackReport, error) {
	if err := s.identify(ctx); err != nil {
		return s.report, err
	}
	hang, err := s.connect(ctx)
	defer hang()
	if err != nil {
		return s.report, err
	}
	probe, err := s.slack.Probe(ctx, s.report.To, s.language)
	if err != nil {
		return s.report, err
	}
	s.report.ChannelID = probe.Channel
	s.say("message", "posted to "+s.report.To)
	if strings.HasPrefix(s.report.To, "#") {
		s.say("", fmt.Sprintf("its ID is %s: write that as slack of the team that reads there", probe.Channel))
	}
	if !probe.Buttons {
		s.say("click", "none: neither app_token_file nor signing_secret_file is set, so messages carry no buttons")
		return s.report, nil
	}
	s.say("click", "press the button in Slack; waiting "+lifecycle.FormatDuration(wait))
	return s.report, s.await(ctx, probe, wait)
}

func (s *SlackCheck) identify(ctx context.Context) error {
	id, err := s.slack.Identify(ctx)
	if err != nil {
		return err
	}
	s.report.Workspace, s.report.Bot, s.report.Scopes = id.Workspace, id.Bot, id.Scopes
	s.say("bot token", fmt.Sprintf("good: bot %s in workspace %s", id.Bot, id.Workspace))
	if err := id.Sufficient(); err != nil {
		return err
	}
	if id.Scopes != nil {
		s.say("scopes", "all that are needed: "+strings.Join(notify.SlackScopes(), ", "))
	}
	return nil
}

// connect opens Socket Mode. Where a worker is connected, too, the connection is
// given up at once: Slack would give it clicks that only a worker can answer.
func (s *SlackCheck) connect(ctx context.Context) (hang func(), err error) {
	if s.receiver == nil {
		if s.report.Clicks == "http" {
			s.say("clicks", "by HTTP: the app's Request URL has to lead to "+web.SlackPath+" of a running worker")
		}
		return func() {}, nil
	}
	listening, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.receiver.Run(listening)
	}()
	hang = func() { cancel(); <-done }
	if err := s.receiver.First(ctx); err != nil {
		return hang, err
	}
	s.report.Connections = s.receiver.Connections()
	if s.report.Connections > 1 {
		hang()
		s.say("Socket Mode", fmt.Sprintf("connected; the app has %d connections, and the click is left to the others (workers)", s.report.Connections))
		return func() {}, nil
	}
	s.say("Socket Mode", "connected; nobody else is, so a worker is not running or not connected")
	return hang, nil
}
