// Package doctor says how what an installation stands on is found: a Finding has a
// stable code, how it stands, what was looked at, and how it is mended. app makes
// the checks and the CLI shows what they found; here is the table of codes, and
// what runs the checks abreast so that none holds up the others. It looks at
// nothing itself.
package doctor

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"
)

// Level says how what was looked at stands.
type Level string

// The levels. Warn: it works, and will not for long or not for everything.
const (
	OK   Level = "ok"
	Warn Level = "warn"
	Fail Level = "fail"
)

var levels = []Level{OK, Warn, Fail}

// Finding is one thing that was looked at. Its JSON is a contract with scripts.
type Finding struct {
	Code   Code   `json:"code"`
	Level  Level  `json:"level"`
	About  string `json:"about,omitempty"` // the CA, channel, target, queue ... that it is about
	By     string `json:"by"`              // who looked
	Found  string `json:"found"`
	Remedy string `json:"remedy,omitempty"` // what mends it: a command, as a rule
}

// Check looks at one thing, or at several of a kind. Findings that say no code have
// the first one.
type Check struct {
	Codes []Code
	About string
	Run   func(ctx context.Context) []Finding
}

// One makes the check of one thing. What it returns need not say the code again,
// nor whom it is about.
func One(code Code, about string, run func(ctx context.Context) Finding) Check {
	return Check{[]Code{code}, about, func(ctx context.Context) []Finding { return []Finding{run(ctx)} }}
}

// Good, Doubtful and Bad are what a look found.
func Good(format string, args ...any) Finding {
	return Finding{Level: OK, Found: fmt.Sprintf(format, args...)}
}

// Doubtful says what does not stop anything yet, and what mends it.
func Doubtful(remedy, format string, args ...any) Finding {
	return Finding{Level: Warn, Found: fmt.Sprintf(format, args...), Remedy: remedy}
}

// Bad says what does not work, and what mends it.
func Bad(remedy, format string, args ...any) Finding {
	return Finding{Level: Fail, Found: fmt.Sprintf(format, args...), Remedy: remedy}
}

// Patience bounds a run of checks.
type Patience struct {
	Each    time.Duration // for one check
	All     time.Duration // for all of them; what was not begun by then is not looked at
	Abreast int           // checks at once
}

// Run runs the checks that only names abreast and gives what they found, in the order of the
// checks. One that does not answer in time is left behind and said to have failed:
// nobody waits for it, whether it heeds its context or not.
func Run(ctx context.Context, p Patience, by string, only []string, checks []Check) []Finding {
	checks = named(checks, only)
	ctx, cancel := context.WithTimeout(ctx, p.All)
	defer cancel()
	found := make([][]Finding, len(checks))
	slots := make(chan struct{}, p.Abreast)
	type answer struct {
		at  int
		all []Finding
	}
	answers := make(chan answer, len(checks))
	for i, c := range checks {
		go func() { answers <- answer{i, c.within(ctx, p.Each, slots)} }()
	}
	for range checks {
		a := <-answers
		found[a.at] = a.all
	}
	var out []Finding
	for i, all := range found {
		for _, f := range all {
			f.Code, f.About, f.By = cmp.Or(f.Code, checks[i].Codes[0]), cmp.Or(f.About, checks[i].About), cmp.Or(f.By, by)
			if f.Code.Named(only) {
				out = append(out, f)
			}
		}
	}
	return out
}

// lastWords is how long a check has to say what it saw once its time is over.
const lastWords = 2 * time.Second

func (c Check) within(ctx context.Context, limit time.Duration, slots chan struct{}) []Finding {
	select {
	case slots <- struct{}{}:
	case <-ctx.Done():
		return []Finding{Doubtful("give it longer: --timeout 60s", "not looked at: the time for all checks was over before its turn came")}
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	done := make(chan []Finding, 1)
	go func() {
		defer func() { <-slots }()
		done <- c.Run(ctx)
	}()
	select {
	case all := <-done:
		return all
	case <-ctx.Done():
	}
	select { // one that heeds its context says what it waited for
	case all := <-done:
		return all
	case <-time.After(lastWords):
		return []Finding{Bad("see whether it is up and reached from there; or give it longer: --timeout 60s", "no answer within %s", limit)}
	}
}

// Worst is the level of the worst finding.
func Worst(all []Finding) Level {
	worst := 0
	for _, f := range all {
		worst = max(worst, slices.Index(levels, f.Level))
	}
	return levels[worst]
}

// Count tells how many findings have a level.
func Count(all []Finding, l Level) (n int) {
	for _, f := range all {
		if f.Level == l {
			n++
		}
	}
	return n
}

// named keeps the checks that may find what the words name.
func named(checks []Check, only []string) []Check {
	return slices.DeleteFunc(slices.Clone(checks), func(c Check) bool {
		return !slices.ContainsFunc(c.Codes, func(code Code) bool { return code.Named(only) })
	})
}

// Fold keeps an answer small: of the findings of one code that are good it keeps
// so many, and says how many more there are.
func Fold(all []Finding, most int) []Finding {
	var out []Finding
	good, last := map[Code]int{}, map[Code]int{}
	for _, f := range all {
		if f.Level == OK {
			if good[f.Code]++; good[f.Code] > most {
				continue
			}
			last[f.Code] = len(out)
		}
		out = append(out, f)
	}
	for code, n := range good {
		if more := n - most; more > 0 {
			f := &out[last[code]]
			f.About, f.Found = "", fmt.Sprintf("%d more are good", more+1)
		}
	}
	return out
}
