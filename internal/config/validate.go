package config

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/lifecycle"
)

// The sticky timeout may lie between these.
const (
	minSticky = time.Second
	maxSticky = 10 * time.Minute
)

// maxPoll: CAs want to be asked twice a day at least.
const maxPoll = 12 * time.Hour

var namePattern = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]*$`)

// Validate tells everything that is wrong with a complete configuration, each
// with the path of its key. It opens no file and dials nobody; what the options
// of adapters say is checked by the adapters.
func (c Config) Validate() error {
	var data error
	if c.Data == "" {
		data = wrong("data", "no folder is named; write one, for example /var/lib/neverlapse")
	}
	return errors.Join(
		data, c.Temporal.validate(), c.Engine.validate(), c.HTTP.validate(), c.ACMEHTTP.validate(c.HTTP),
		c.ACMETLS.validate(c.HTTP, c.ACMEHTTP), c.ACMEDNS.validate(), c.Scan.validate(), validateAdapters("dns", c.DNS),
		c.Store.validate(), validateAdapters("cas", c.CAs), c.RenewalInfo.validate(), validateAdapters("targets", c.Targets), c.validateHosts(), c.validateSources(),
		validateAdapters("channels", c.Channels), c.validateDelivery(), c.Bounces.validate(), c.validateDirectory(), c.validateRoutes(), c.validateCalendars(), c.validatePolicies(),
		c.validateEnvironments(), c.Handover.validate(), c.validateGather(), c.Digest.validate(), c.Log.validate(), c.Metrics.validate(c.HTTP), c.Heartbeat.validate(), c.Watchman.validate(), c.validateCanary(), c.Traces.validate(),
	)
}

func (h Handover) validate() error {
	if h.AnswerWithin < lifecycle.LeastAnswer || h.AnswerWithin > lifecycle.MostAnswer {
		return wrong("handover.answer_within", "%s is not between %s and %s; write two days as 2d",
			lifecycle.FormatDuration(h.AnswerWithin), lifecycle.FormatDuration(lifecycle.LeastAnswer), lifecycle.FormatDuration(lifecycle.MostAnswer))
	}
	return nil
}

func (d Digest) validate() error {
	var errs []error
	if d.Day != "never" && !slices.Contains(digestDays, d.Day) {
		errs = append(errs, wrong("digest.day", "%q is not a day; write one of %s, or never", d.Day, strings.Join(digestDays, ", ")))
	}
	if _, err := time.Parse("15:04", d.At); err != nil {
		errs = append(errs, wrong("digest.at", "%q is not a time of day; write it like 09:00", d.At))
	}
	return errors.Join(errs...)
}

func (c Config) validateGather() error {
	var errs []error
	for _, err := range c.Gather.Validate() {
		errs = append(errs, wrong("gather."+err.Key, "%s", err.Text))
	}
	return errors.Join(errs...)
}

func (r RenewalInfo) validate() error {
	if r.PollEvery < time.Second || r.PollEvery > maxPoll {
		return wrong("renewal_info.poll_every", "%s is not between 1s and %s", lifecycle.FormatDuration(r.PollEvery), lifecycle.FormatDuration(maxPoll))
	}
	return nil
}

func (c Config) validateDelivery() error {
	d := c.Delivery
	var errs []error
	if d.ProofOfLife < 0 || d.ProofOfLife > 0 && d.ProofOfLife < time.Second {
		errs = append(errs, wrong("delivery.proof_of_life", "%s is too short; write a month as 30d, or 0s for never", lifecycle.FormatDuration(d.ProofOfLife)))
	}
	if d.ProofOfLife > 0 && (d.ProofWithin <= 0 || d.ProofWithin > d.ProofOfLife) {
		errs = append(errs, wrong("delivery.proof_within", "%s is not between nothing and proof_of_life, %s", lifecycle.FormatDuration(d.ProofWithin), lifecycle.FormatDuration(d.ProofOfLife)))
	}
	_, person := c.Directory().Person(d.ProofTo)
	_, team := c.Directory().Team(d.ProofTo)
	if d.ProofTo != "" && !person && !team {
		errs = append(errs, wrong("delivery.proof_to", "%q is neither a person nor a team of the directory", d.ProofTo))
	}
	return errors.Join(errs...)
}

func (s Store) validate() error {
	if s.Kind == "" {
		return wrong("store.kind", "is empty; write files or remove the line")
	}
	return nil
}

func validateAdapters(section string, adapters []Adapter) error {
	names := names{section: section}
	for i, a := range adapters {
		names.add(i, a.Name)
		if a.Kind == "" {
			names.errs = append(names.errs, wrong(fmt.Sprintf("%s[%d].kind", section, i), "is empty; say what kind it is"))
		}
	}
	return errors.Join(names.errs...)
}

// validateDirectory lets nobody be told only as long as nothing could be sent.
func (c Config) validateDirectory() error {
	if len(c.People) == 0 && len(c.Teams) == 0 && len(c.Channels) == 0 && c.CatchAll == "" {
		return c.Permissions.Validate()
	}
	return errors.Join(c.Directory().Validate(), c.validateLanguages())
}

// validateLanguages holds what people read against the languages that alerts
// are written in: each is a file of alert's.
func (c Config) validateLanguages() error {
	known := alert.Languages()
	var errs []error
	check := func(section string, i int, language string) {
		if language != "" && !slices.Contains(known, language) {
			errs = append(errs, wrong(fmt.Sprintf("%s[%d].language", section, i), "%q is not known; use %s", language, strings.Join(known, " or ")))
		}
	}
	for i, p := range c.People {
		check("people", i, p.Language)
	}
	for i, t := range c.Teams {
		check("teams", i, t.Language)
	}
	return errors.Join(errs...)
}

func (c Config) validatePolicies() error {
	names := names{section: "policies"}
	errs := make([]error, len(c.Policies))
	for i, p := range c.Policies {
		if names.add(i, p.Name); p.Name == "" {
			p.Name = "unnamed" // that it has no name was said
		}
		errs[i] = errors.Join(Under(fmt.Sprintf("policies[%d]", i), p.Validate()), c.validateCanaries(i, p.Rollout.CanaryTargets), c.validateFallback(i, p))
	}
	return errors.Join(append(names.errs, errs...)...)
}

// validateCanaries: a canary with a typing error would be none at all.
func (c Config) validateCanaries(i int, canaries []string) error {
	var known []string
	for _, t := range c.Targets {
		known = append(known, t.Name)
	}
	var errs []error
	for j, name := range canaries {
		if !slices.Contains(known, name) {
			errs = append(errs, wrong(fmt.Sprintf("policies[%d].rollout.canary_targets[%d]", i, j),
				"no target is called %q; add it under targets or write one of %s", name, strings.Join(known, ", ")))
		}
	}
	return errors.Join(errs...)
}

// validateFallback holds the CAs that a policy names against those that there are.
func (c Config) validateFallback(i int, p lifecycle.Policy) error {
	var known []string
	var errs []error
	for j, ca := range c.CAs {
		known = append(known, ca.Name)
		if ca.Name == lifecycle.NoFallback && i == 0 {
			errs = append(errs, wrong(fmt.Sprintf("cas[%d].name", j), "%q means that no other CA is tried; call it otherwise", ca.Name))
		}
	}
	for j, name := range p.FallbackCAs {
		if !slices.Contains(known, name) {
			errs = append(errs, wrong(fmt.Sprintf("policies[%d].fallback_cas[%d]", i, j),
				"no CA is called %q; add it under cas or write one of %s", name, strings.Join(known, ", ")))
		}
	}
	return errors.Join(errs...)
}

func (c Config) validateEnvironments() error {
	names := names{section: "environments"}
	var known []string
	for _, p := range c.Policies {
		known = append(known, p.Name)
	}
	for i, e := range c.Environments {
		names.add(i, e.Name)
		if _, ok := c.Policy(e.Policy); !ok {
			names.errs = append(names.errs, wrong(fmt.Sprintf("environments[%d].policy", i),
				"no policy is called %q; add it under policies or write one of %s", e.Policy, strings.Join(known, ", ")))
		}
	}
	return errors.Join(names.errs...)
}

func (l Log) validate() error {
	return errors.Join(
		oneOf("log.level", l.Level, "debug", "info", "warn", "error"),
		oneOf("log.format", l.Format, "text", "json"),
	)
}

func oneOf(path, value string, known ...string) error {
	if slices.Contains(known, value) {
		return nil
	}
	return wrong(path, "%q is not known; write one of %s", value, strings.Join(known, ", "))
}

// names holds the names of one list to their pattern, and apart.
type names struct {
	section string
	first   map[string]int
	errs    []error
}

func (n *names) add(i int, name string) {
	path := fmt.Sprintf("%s[%d].name", n.section, i)
	if !namePattern.MatchString(name) {
		n.errs = append(n.errs, wrong(path, "%q is not a name; use a-z, 0-9, '.', '_' and '-', beginning with a letter or digit", name))
		return
	}
	if at, taken := n.first[name]; taken {
		n.errs = append(n.errs, wrong(path, "%q is the name of %s[%d] already; give every one its own", name, n.section, at))
		return
	}
	if n.first == nil {
		n.first = map[string]int{}
	}
	n.first[name] = i
}

func (t Temporal) validateTiming() error {
	var errs []error
	if t.StickyTimeout < minSticky || t.StickyTimeout > maxSticky {
		errs = append(errs, wrong("temporal.sticky_timeout", "%s is not between %s and %s",
			lifecycle.FormatDuration(t.StickyTimeout), lifecycle.FormatDuration(minSticky), lifecycle.FormatDuration(maxSticky)))
	}
	if t.QueueTimeout < minQueueTimeout || t.QueueTimeout > maxQueueTimeout {
		errs = append(errs, wrong("temporal.queue_timeout", "%s is not between %s and %s",
			lifecycle.FormatDuration(t.QueueTimeout), lifecycle.FormatDuration(minQueueTimeout), lifecycle.FormatDuration(maxQueueTimeout)))
	}
	if t.CacheSize < 1 {
		errs = append(errs, wrong("temporal.cache_size", "%d is too small; write how many workflows to keep, 4000 if unsure", t.CacheSize))
	}
	if t.PatchLevel < 0 {
		errs = append(errs, wrong("temporal.patch_level", "%d is below 0; write the level that the older neverlapse-worker --version prints, or leave it out", t.PatchLevel))
	}
	return errors.Join(errs...)
}
