package acme

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-acme/lego/v4/challenge"
	"github.com/go-acme/lego/v4/challenge/dns01"
	"github.com/miekg/dns"

	"github.com/neverlapse/neverlapse/internal/fault"
)

// longestInterval bounds lego's idea of a pause, which is made for people who wait.
const longestInterval = 5 * time.Second

// timing is how long to wait for an answer to be seen, and between two looks.
func (d *DNS) timing() (timeout, interval time.Duration) {
	timeout, interval = dns01.DefaultPropagationTimeout, dns01.DefaultPollingInterval
	if p, ok := d.provider.(challenge.ProviderTimeout); ok {
		timeout, interval = p.Timeout()
	}
	interval = min(interval, longestInterval)
	if d.options.PropagationTimeout > 0 {
		timeout = d.options.PropagationTimeout
	}
	if d.options.PropagationInterval > 0 {
		interval = d.options.PropagationInterval
	}
	return timeout, interval
}

// propagate waits until every server that can be asked shows the answer.
func (d *DNS) propagate(ctx context.Context, q question, say func(string)) error {
	if wait := d.options.PropagationWait; wait > 0 {
		say(fmt.Sprintf("giving the DNS servers of %s %s", clean(q.name), wait))
		if err := sleep(ctx, wait); err != nil {
			return err
		}
	}
	if d.options.Propagation == Unchecked {
		return nil
	}
	info, err := d.info(ctx, q)
	if err != nil {
		return err
	}
	timeout, interval := d.timing()
	deadline := time.Now().Add(timeout)
	for {
		missing := d.missing(ctx, info)
		if missing == "" {
			return nil
		}
		say(fmt.Sprintf("waiting for TXT %s: %s", info.EffectiveFQDN, clean(missing)))
		switch {
		case ctx.Err() != nil:
			return fmt.Errorf("DNS provider %s: TXT %s cannot be seen: %s: %w", d.name, info.EffectiveFQDN, clean(missing), ctx.Err())
		case time.Now().After(deadline):
			return fault.New(fault.Validation, "DNS provider %s took the answer, and TXT %s cannot be seen after %s: %s; "+
				"does the zone lie with this provider? If it is only slow, raise propagation_timeout", d.name, info.EffectiveFQDN, timeout, clean(missing))
		}
		if err := sleep(ctx, interval); err != nil {
			return err
		}
	}
}

// missing tells who does not show the answer yet; empty when everybody who can
// be asked does. A server out of reach does not count where another one is not.
func (d *DNS) missing(ctx context.Context, info dns01.ChallengeInfo) string {
	servers := dns01.ParseNameservers(d.options.Nameservers)
	if d.options.Propagation != Nameservers {
		var err error
		if servers, _, err = d.resolver.authorities(ctx, info.EffectiveFQDN); err != nil {
			return "its name servers are not known: " + err.Error()
		}
	}
	var without, silent []string
	for _, s := range servers {
		switch shows, err := shown(ctx, s, info); {
		case err != nil:
			silent = append(silent, err.Error())
		case !shows:
			without = append(without, s)
		}
	}
	switch {
	case len(without) > 0:
		return "it is not at " + strings.Join(without, ", ")
	case len(silent) == len(servers):
		return strings.Join(silent, "; ")
	}
	return ""
}

// shown asks one server for the TXT record.
func shown(ctx context.Context, server string, info dns01.ChallengeInfo) (bool, error) {
	m := new(dns.Msg).SetQuestion(info.EffectiveFQDN, dns.TypeTXT)
	m.SetEdns0(1232, false)
	answer, err := exchange(ctx, m, server)
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(answer.Answer, func(rr dns.RR) bool {
		txt, ok := rr.(*dns.TXT)
		return ok && strings.Join(txt.Txt, "") == info.Value
	}), nil
}
