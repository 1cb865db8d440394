package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/notify"
	"github.com/neverlapse/neverlapse/internal/web"
)

// await looks at the message until it tells who pressed.
func (s *SlackCheck) await(ctx context.Context, probe notify.SlackProbe, wait time.Duration) error {
	within, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	for {
		user, err := s.slack.Probed(within, probe)
		switch {
		case user != "":
			return s.pressed(ctx, probe, user)
		case within.Err() != nil:
			return s.unpressed(ctx, probe)
		case fault.Is(err, fault.Configuration), fault.Is(err, fault.NotFound):
			return err
		}
		pause := max(s.every, time.Until(fault.RetryAt(err)))
		select {
		case <-within.Done():
			return s.unpressed(ctx, probe)
		case <-time.After(pause):
		}
	}
}

func (s *SlackCheck) pressed(ctx context.Context, probe notify.SlackProbe, user string) error {
	s.report.PressedBy = user
	p, known := s.config.Directory().BySlack(user)
	language := cmp.Or(p.Language, s.language)
	text := alert.ProbeStranger.Say(language, user)
	if known {
		s.report.Person = p.ID
		text = alert.ProbeKnown.Say(language, p.ID)
	}
	s.say("", fmt.Sprintf("pressed by Slack user %s", user))
	if err := s.slack.EndProbe(ctx, probe, language, text); err != nil {
		return err
	}
	s.say("message", "changed")
	if !known {
		return fmt.Errorf("%w: write slack: %s at that person under people; until then %s may answer no alert", ErrStranger, user, user)
	}
	s.say("person", p.ID+" of the directory")
	return nil
}

// unpressed ends the message and says what may be wrong.
func (s *SlackCheck) unpressed(ctx context.Context, probe notify.SlackProbe) error {
	stopped := ctx.Err() != nil
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	ended := s.slack.EndProbe(ending, probe, s.language, alert.ProbeEnded.Say(s.language, ""))
	if stopped {
		return errors.Join(ctx.Err(), ended)
	}
	hint := "if it was pressed and Slack showed an error: on the app's page, under Interactivity & Shortcuts, switch Interactivity on"
	switch {
	case s.report.Clicks == "http":
		hint = "if it was pressed: on the app's page Socket Mode has to be off, and the Request URL under Interactivity & Shortcuts has to lead to " + web.SlackPath + " of a running worker, which logs what it refuses"
	case s.report.Connections > 1:
		hint = "if it was pressed: the click went to another connection of this app; is every worker of this version and as configured here? /readyz of each says whether it is connected"
	}
	return errors.Join(fmt.Errorf("%w; %s", ErrNoClick, hint), ended)
}
