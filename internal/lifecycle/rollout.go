package lifecycle

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// RolloutPolicy says in what order targets receive a version and what a target
// that fails costs. Without one all go at once, and what fails is rolled back by
// itself.
type RolloutPolicy struct {
	// Canary is how many targets go first, from the top of the list; empty: one,
	// "0": none. CanaryTargets go first instead where the certificate has any.
	Canary        Size     `mapstructure:"canary" json:"canary,omitempty"`
	CanaryTargets []string `mapstructure:"canary_targets" json:"canaryTargets,omitempty"`
	// Batch is how many of the others go together; empty: all of them.
	Batch Size `mapstructure:"batch" json:"batch,omitempty"`
	// Bake is how long a batch is left alone before it is proven once more and
	// the next begins; CanaryBake the same for the canary, empty: as Bake.
	Bake       Span `mapstructure:"bake" json:"bake,omitzero"`
	CanaryBake Span `mapstructure:"canary_bake" json:"canaryBake,omitzero"`
	// MayFail is how many targets may fail before every target that was touched
	// gets its previous version back; empty: none.
	MayFail Size `mapstructure:"may_fail" json:"mayFail,omitempty"`
}

// IsZero reports whether nothing was set.
func (p RolloutPolicy) IsZero() bool {
	return p.Canary == "" && len(p.CanaryTargets) == 0 && p.Batch == "" && p.Bake.IsZero() && p.CanaryBake.IsZero() && p.MayFail == ""
}

// Batch is a group of targets that receive a version together.
type Batch struct {
	Targets []string      `json:"targets"`
	Canary  bool          `json:"canary,omitempty"`
	Bake    time.Duration `json:"bake,omitempty"` // before the next begins
}

// RolloutPlan orders targets into batches: the canary, then the others in the
// order of the list. After the last there is nothing to bake for. Spans are for
// a certificate of that lifetime. Without a policy all targets are one batch.
func RolloutPlan(targets []string, p RolloutPolicy, lifetime time.Duration) []Batch {
	if p.IsZero() {
		return []Batch{{Targets: targets}}
	}
	canaries, rest := p.canaries(targets)
	bake := p.Bake.Of(lifetime)
	var out []Batch
	if len(canaries) > 0 {
		first := Batch{Targets: canaries, Canary: true, Bake: bake}
		if !p.CanaryBake.IsZero() {
			first.Bake = p.CanaryBake.Of(lifetime)
		}
		out = append(out, first)
	}
	size := len(rest)
	if p.Batch != "" {
		size = max(1, p.Batch.atLeast(len(rest)))
	}
	for group := range slices.Chunk(rest, max(1, size)) {
		out = append(out, Batch{Targets: group, Bake: bake})
	}
	if len(out) > 0 {
		out[len(out)-1].Bake = 0
	}
	return out
}

// canaries parts those that go first from the others.
func (p RolloutPolicy) canaries(targets []string) (first, rest []string) {
	named := func(t string) bool { return slices.Contains(p.CanaryTargets, t) }
	if slices.ContainsFunc(targets, named) {
		for _, t := range targets {
			if named(t) {
				first = append(first, t)
			} else {
				rest = append(rest, t)
			}
		}
		return first, rest
	}
	n := 1
	if p.Canary != "" {
		n = p.Canary.atLeast(len(targets))
	}
	n = min(n, len(targets))
	return targets[:n:n], targets[n:]
}

// Bakes is how long the plan waits in all.
func Bakes(plan []Batch) time.Duration {
	var all time.Duration
	for _, b := range plan {
		all += b.Bake
	}
	return all
}

func (p RolloutPolicy) check(f *faults) {
	for _, s := range []struct {
		path string
		size Size
	}{{"canary", p.Canary}, {"batch", p.Batch}, {"may_fail", p.MayFail}} {
		if _, err := ParseSize(string(s.size)); s.size != "" && err != nil {
			f.add("rollout."+s.path, "%v", err)
		}
	}
	if p.Batch != "" && p.Batch.atLeast(1) == 0 {
		f.add("rollout.batch", "%s targets at a time would never come to an end", p.Batch)
	}
	for _, s := range []struct {
		path string
		span Span
	}{{"bake", p.Bake}, {"canary_bake", p.CanaryBake}} {
		if s.span.Of(compareAt) > longestBake {
			f.add("rollout."+s.path, "%s is longer than %s; nothing else can be done to the certificate meanwhile", s.span, FormatDuration(longestBake))
		}
	}
}

// longestBake bounds how long a run is kept open for one batch.
const longestBake = 24 * time.Hour

// Size is a number of targets: a count ("5") or a share of them ("25%").
type Size string

// ParseSize reads "5" or "25%".
func ParseSize(text string) (Size, error) {
	s := Size(strings.ReplaceAll(strings.TrimSpace(text), " ", ""))
	if _, _, err := s.parts(); err != nil {
		return "", fmt.Errorf("%q is no number of targets: write a count (5) or a share of them (25%%)", text)
	}
	return s, nil
}

func (s Size) parts() (n int, share bool, err error) {
	digits, share := strings.CutSuffix(string(s), "%")
	n, err = strconv.Atoi(digits)
	if err == nil && (n < 0 || share && n > 100 || digits[0] == '+') {
		err = errors.New("out of range")
	}
	return n, share, err
}

// UnmarshalText reads a size; "" is none.
func (s *Size) UnmarshalText(b []byte) error {
	got, err := ParseSize(string(b))
	if err == nil || len(b) == 0 {
		*s = got
		return nil
	}
	return err
}

// atLeast counts out of n, a share rounded up.
func (s Size) atLeast(n int) int { return s.of(n, 99) }

// atMost counts out of n, a share rounded down.
func (s Size) atMost(n int) int { return s.of(n, 0) }

func (s Size) of(n, round int) int {
	k, share, err := s.parts()
	switch {
	case err != nil:
		return 0
	case share:
		return (n*k + round) / 100
	}
	return k
}
