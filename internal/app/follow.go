package app

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/neverlapse/neverlapse/internal/config"
)

// dutyLimit bounds one try of a duty, and dutyRetry is before the next.
const (
	dutyLimit = time.Minute
	dutyRetry = 10 * time.Second
)

// duty is what follows from a configuration and needs the engine. It is tried
// until it is done; what it returns is after how long it is to be done again,
// zero if it is not.
type duty struct {
	due time.Time
	do  func(context.Context) (again time.Duration, err error)
}

// What follows from a configuration.
const (
	sayRefused  = "say that the configuration is refused"
	sayMended   = "say that the configuration is good"
	spread      = "have certificates carry the policies"
	planLines   = "have channels prove that somebody reads them"
	planWeeks   = "have every team told of its week"
	planLooks   = "have every source gone through"
	encryptAnew = "encrypt with the key that temporal.encryption.use names now"
	handOvers   = "find new owners for what people leave behind"
)

// Reload has the file of the configuration looked at now.
func (a *App) Reload() {
	select {
	case a.hangup <- struct{}{}:
	default: // it will be anyway
	}
}

// follow keeps what is in force up to date with the file of the configuration,
// and does what follows from it, until ctx ends.
func (a *App) follow(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	duties := map[string]duty{sayMended: {do: a.sayMended}, spread: {do: a.spreadPolicies}, handOvers: {do: a.handOver}}
	a.remember(a.inForce.directory())
	for {
		atOnce, goesOn := a.turn(ctx, tick)
		if !goesOn {
			return
		}
		v := a.lookAnew(ctx, atOnce, duties)
		if slices.Contains(v.changed, "channels") {
			a.connect(ctx)
		}
		a.owe(duties, v)
		a.discharge(ctx, duties)
	}
}

// turn waits until the file is to be looked at; false once ctx has ended.
func (a *App) turn(ctx context.Context, tick *time.Ticker) (atOnce, goesOn bool) {
	select {
	case <-ctx.Done():
		return false, false
	case <-a.hangup:
		return true, true
	case <-tick.C:
		return false, true
	}
}

// lookAnew looks at the file, if there is one, and takes the keys of payloads.
func (a *App) lookAnew(ctx context.Context, atOnce bool, duties map[string]duty) (v verdict) {
	if a.config.Source == "" {
		return v
	}
	v = a.reload.look(ctx, atOnce)
	if a.takeKeys() {
		duties[encryptAnew] = duty{do: a.encryptAnew}
	}
	return v
}

// owe notes what follows from a look.
func (a *App) owe(duties map[string]duty, v verdict) {
	if slices.Contains(v.changed, "teams") || slices.Contains(v.changed, "digest") {
		duties[planWeeks] = duty{do: func(ctx context.Context) (time.Duration, error) { return 0, a.scheduleDigests(ctx, a.inForce.config()) }}
	}
	if slices.Contains(v.changed, "channels") || slices.Contains(v.changed, "delivery") {
		duties[planLines] = duty{do: func(ctx context.Context) (time.Duration, error) { return 0, a.board.planAll(ctx) }}
	}
	if slices.Contains(v.changed, "sources") {
		duties[planLooks] = duty{do: func(ctx context.Context) (time.Duration, error) { return 0, a.planSources(ctx) }}
	}
	if v.mended {
		delete(duties, sayRefused)
		duties[sayMended] = duty{do: a.sayMended}
	}
	if slices.Contains(v.changed, "people") || slices.Contains(v.changed, "teams") {
		duties[handOvers] = duty{do: a.handOver}
		a.remember(a.inForce.directory())
	}
	if slices.Contains(v.changed, "policies") {
		duties[spread] = duty{do: a.spreadPolicies}
	}
	if v.refused != nil {
		duties[sayRefused] = duty{do: a.sayRefused}
	}
}

// discharge does what is due.
func (a *App) discharge(ctx context.Context, duties map[string]duty) {
	for _, name := range slices.Sorted(maps.Keys(duties)) {
		d := duties[name]
		if ctx.Err() != nil || time.Now().Before(d.due) {
			continue
		}
		trying, cancel := context.WithTimeout(ctx, dutyLimit)
		again, err := d.do(trying)
		cancel()
		switch {
		case err != nil:
			a.logger.Warn("not done yet, and tried again: "+name, "error", err)
			duties[name] = duty{time.Now().Add(dutyRetry), d.do}
		case again > 0:
			duties[name] = duty{time.Now().Add(again), d.do}
		default:
			delete(duties, name)
		}
	}
}

// fits checks what the configuration itself cannot know: whether the adapters
// could be made of a new file, who may open the page, and whether the keys of
// payloads can be had. It gives what counts with the configuration.
func (a *App) fits(ctx context.Context, adopted config.Adoption, next config.Config) (made kit, err error) {
	made.tokens, err = pageTokens(adopted.Config)
	var wrong, unkept error
	made.keys, unkept = a.fitKeys(ctx, adopted.Config)
	err = errors.Join(err, unkept)
	if len(adopted.Restart) > 0 { // so that the next start does not fail
		_, wrong = adapters(next, a.parts, a.more)
	} else {
		_, sourceErr := sourcesOf(adopted.Config, a.parts, a.more)
		wrong = adopted.Fits(errors.Join(reachable(adopted.Config), reached(adopted.Config), sourceErr))
	}
	if slices.Contains(adopted.Changed, "channels") {
		var unmade error
		if made.lines, unmade = a.lines(adopted.Config); len(adopted.Restart) == 0 || wrong == nil { // else it was said
			wrong = errors.Join(unmade, wrong)
		}
	}
	return made, errors.Join(err, wrong)
}
