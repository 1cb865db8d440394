package app

import (
	"fmt"
	"os"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/config"
	"github.com/neverlapse/neverlapse/internal/notify"
)

// channels names every kind of channel.
var channels = map[string]func(config.Adapter, string) (activities.Channeled, error){
	notify.KindSlack: func(a config.Adapter, path string) (activities.Channeled, error) {
		c, err := Built(path, a, func(o notify.SlackOptions) (activities.Channel, error) { return notify.NewSlack(o) })
		return channeled(a, notify.SlackGuarantees, c), err
	},
	notify.KindEmail: func(a config.Adapter, path string) (activities.Channeled, error) {
		c, err := Built(path, a, func(o notify.EmailOptions) (activities.Channel, error) { return notify.NewEmail(o) })
		return channeled(a, notify.EmailGuarantees, c), err
	},
	notify.KindTeams: func(a config.Adapter, path string) (activities.Channeled, error) {
		c, err := Built(path, a, func(o notify.TeamsOptions) (activities.Channel, error) { return notify.NewTeams(o) })
		return channeled(a, notify.TeamsGuarantees, c), err
	},
	notify.KindSMS: func(a config.Adapter, path string) (activities.Channeled, error) {
		c, err := Built(path, a, func(o notify.SMSOptions) (activities.Channel, error) { return notify.NewSMS(o) })
		return channeled(a, notify.SMSGuarantees, c), err
	},
	notify.KindPagerDuty: func(a config.Adapter, path string) (activities.Channeled, error) {
		c, err := Built(path, a, func(o notify.PagerDutyOptions) (activities.Channel, error) { return notify.NewPagerDuty(o) })
		return channeled(a, notify.PagerDutyGuarantees, c), err
	},
	notify.KindAlertmanager: func(a config.Adapter, path string) (activities.Channeled, error) {
		c, err := Built(path, a, func(o notify.AlertmanagerOptions) (activities.Channel, error) { return notify.NewAlertmanager(o) })
		return channeled(a, notify.AlertmanagerGuarantees, c), err
	},
	notify.KindWebhook: func(a config.Adapter, path string) (activities.Channeled, error) {
		var options notify.WebhookOptions
		c, err := Built(path, a, func(o notify.WebhookOptions) (activities.Channel, error) { options = o; return notify.NewWebhook(o) })
		return hooked(a, options, c), err
	},
	notify.KindShoutrrr: func(a config.Adapter, path string) (activities.Channeled, error) {
		var options notify.ShoutrrrOptions
		c, err := Built(path, a, func(o notify.ShoutrrrOptions) (activities.Channel, error) { options = o; return notify.NewShoutrrr(o) })
		return shouted(a, options, c), err
	},
	notify.KindConsole: func(a config.Adapter, path string) (activities.Channeled, error) {
		c, err := Built(path, a, func(notify.ConsoleOptions) (activities.Channel, error) { return notify.NewConsole(os.Stdout), nil })
		return channeled(a, notify.ConsoleGuarantees, c), err
	},
}

func channeled(a config.Adapter, g notify.Guarantees, c activities.Channel) activities.Channeled {
	return activities.Channeled{Name: a.Name, Kind: g.Kind, Interrupts: g.Interrupts, Groups: g.Groups, LastResort: !g.ReachesOne && !g.ReachesGroup, Own: g.Own, Channel: c}
}

func hooked(a config.Adapter, o notify.WebhookOptions, c activities.Channel) activities.Channeled {
	out := various(a, notify.WebhookGuarantees, c)
	out.Interrupts, out.AddressOf = o.Interrupts, o.AddressOf()
	out.Own = out.AddressOf == ""
	return out
}

func shouted(a config.Adapter, o notify.ShoutrrrOptions, c activities.Channel) activities.Channeled {
	out := various(a, notify.ShoutrrrGuarantees, c)
	out.Interrupts = o.Interrupts
	return out
}

// various is a channel of a kind of which each is something else: they count as
// different kinds where people are told by several at once.
func various(a config.Adapter, g notify.Guarantees, c activities.Channel) activities.Channeled {
	out := channeled(a, g, c)
	out.Kind += ":" + a.Name
	return out
}

// Book is what decides who is told by which channels. Its channels cannot send:
// they are as the configuration describes them, without their secrets, and those
// that it describes wrongly are left out.
func Book(c config.Config) activities.Book {
	b := activities.Book{Directory: c.Directory(), Routes: c.Routes}
	for i, a := range c.Channels {
		path := fmt.Sprintf("channels[%d].options", i)
		switch g := guaranteed(a.Kind); a.Kind {
		case notify.KindWebhook:
			var o notify.WebhookOptions
			if config.DecodeOptions(path, a.Options, &o) == nil {
				b.Channels = append(b.Channels, hooked(a, o, nil))
			}
		case notify.KindShoutrrr:
			var o notify.ShoutrrrOptions
			if config.DecodeOptions(path, a.Options, &o) == nil {
				b.Channels = append(b.Channels, shouted(a, o, nil))
			}
		case g.Kind:
			b.Channels = append(b.Channels, channeled(a, g, nil))
		}
	}
	return b
}
