package app

import (
	"fmt"

	"github.com/neverlapse/neverlapse/internal/config"
	"github.com/neverlapse/neverlapse/internal/notify"
	"github.com/neverlapse/neverlapse/internal/web"
)

// pagerDuty takes the webhooks of PagerDuty to lines, if a channel has a secret for them.
// All channels share the address: a webhook is good by the secret of any.
func (a *App) pagerDuty(c config.Config, to *lines) (err error) {
	var secrets []string
	for i, x := range c.Channels {
		if x.Kind != notify.KindPagerDuty {
			continue
		}
		var o notify.PagerDutyOptions
		path := fmt.Sprintf("channels[%d].options", i)
		if err := config.DecodeOptions(path, x.Options, &o); err != nil {
			return err
		}
		more, err := o.ReadWebhookSecrets()
		if err != nil {
			return config.Under(path, err)
		}
		secrets = append(secrets, more...)
	}
	if len(secrets) == 0 {
		return nil
	}
	to.pagerDuty, err = web.PagerDutyHandler(web.PagerDutyConfig{Secrets: secrets, Answers: a.answers(), Person: a.inForce.byPagerDuty, Log: a.logger})
	return err
}
