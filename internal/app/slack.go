package app

import (
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"time"

	"github.com/neverlapse/neverlapse/internal/config"
	"github.com/neverlapse/neverlapse/internal/notify"
	"github.com/neverlapse/neverlapse/internal/people"
	"github.com/neverlapse/neverlapse/internal/web"
)

// slackChannel is a configured channel of kind slack.
type slackChannel struct {
	name, path string
	options    notify.SlackOptions
}

func slackChannels(c config.Config) ([]slackChannel, error) {
	var out []slackChannel
	for i, x := range c.Channels {
		if x.Kind != notify.KindSlack {
			continue
		}
		s := slackChannel{name: x.Name, path: fmt.Sprintf("channels[%d].options", i)}
		if err := config.DecodeOptions(s.path, x.Options, &s.options); err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

// clicks takes the clicks of a channel's app to whoever answers them.
func (s slackChannel) clicks(person func(slack string) (people.Person, bool), to web.Answers, forms web.Forms, all web.All, log *slog.Logger) (web.SlackConfig, error) {
	client, err := s.options.HTTPClient()
	if err != nil {
		return web.SlackConfig{}, config.Under(s.path, err)
	}
	secret, err := s.options.ReadSigningSecret()
	if err != nil {
		return web.SlackConfig{}, config.Under(s.path, err)
	}
	return web.SlackConfig{
		SigningSecret: secret, Answers: to, Person: person, Forms: forms, All: all, APIURL: s.options.APIURL, Client: client, Log: log.With("channel", s.name),
	}, nil
}

// socket receives the clicks of one channel by Socket Mode.
type socket struct {
	*notify.SlackSocket
	name string
}

func (s slackChannel) socket(c web.SlackConfig) (*socket, error) {
	clicks, err := web.NewSlackClicks(c)
	if err != nil {
		return nil, config.Under(s.path, err)
	}
	receiver, err := notify.NewSlackSocket(s.options, clicks.Take, c.Log)
	if err != nil {
		return nil, config.Under(s.path, err)
	}
	return &socket{receiver, s.name}, nil
}

// slack prepares the ways by which clicks come to lines. One HTTP address can belong to
// one app only, so a second channel must share the secret of the first that has one.
func (a *App) slack(c config.Config, to *lines) error {
	channels, err := slackChannels(c)
	if err != nil {
		return err
	}
	for _, s := range channels {
		api, err := notify.NewSlack(s.options)
		if err != nil {
			return config.Under(s.path, err)
		}
		c, err := s.clicks(a.inForce.bySlack, a.answers(), forms{a.answers(), api}, a.answers(), a.logger)
		if err != nil {
			return err
		}
		if s.options.Socket() {
			receiver, err := s.socket(c)
			if err != nil {
				return err
			}
			to.sockets = append(to.sockets, receiver)
		}
		if s.options.HTTP() && to.slack == nil {
			if to.slack, err = web.SlackHandler(c); err != nil {
				return config.Under(s.path, err)
			}
		}
	}
	return nil
}

// Notes are what is allowed in a configuration and seldom meant.
func Notes(c config.Config) (out []string) {
	if ip, err := netip.ParseAddr(c.Engine.IP); len(c.Hosts) > 0 && c.Temporal.Address == "" && err == nil && ip.IsLoopback() {
		out = append(out, "hosts: the embedded engine listens on "+c.Engine.IP+" only, so no other machine reaches it; see docs/hosts.md")
	}
	out = append(out, c.CalendarNotes(time.Now())...)
	if c.AcceptEmailAlone {
		for _, err := range emailAlone(present(Book(c)), c) {
			told, _, _ := strings.Cut(err.Error(), "; ")
			out = append(out, told+"; accept_email_alone allows it")
		}
	}
	channels, err := slackChannels(c)
	if err != nil { // Check says it
		return out
	}
	for _, s := range channels {
		if !s.options.Buttons() {
			out = append(out, fmt.Sprintf("%s: messages of channel %q carry no buttons: neither app_token_file (Socket Mode) nor signing_secret_file (HTTP) is set, so that a click could not come back; see docs/slack.md", s.path, s.name))
		}
	}
	return out
}

// SlackManifest is the manifest of the Slack app. With the URL at which Slack
// reaches a worker clicks come there, with none by Socket Mode.
func SlackManifest(base string) string {
	if base != "" {
		base = strings.TrimRight(base, "/") + web.SlackPath
	}
	return notify.SlackManifest(base)
}
