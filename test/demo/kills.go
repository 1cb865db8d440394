package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/neverlapse/neverlapse/internal/engine"
	"github.com/neverlapse/neverlapse/test/demo/inbox"
	"github.com/neverlapse/neverlapse/test/harness"
)

// pause is how long what was killed stays away, so that it can be watched.
const pause = 8 * time.Second

// killWorker: the worker dies the moment the CA has issued.
func (t *turn) killWorker() (inbox.Say, error) {
	before, issued := t.site.served(t.ctx), t.CA.IssuedFor(t.subject.host)
	t.say("asked")
	if err := t.renew(); err != nil {
		return inbox.Say{}, err
	}
	for t.CA.IssuedFor(t.subject.host) == issued {
		if t.ctx.Err() != nil {
			return inbox.Say{}, t.ctx.Err()
		}
		time.Sleep(200 * time.Microsecond) // the answer is on its way
	}
	killed := time.Now()
	t.falls(killed)
	t.Worker.Kill()
	t.say("killed", whole(pause))
	back := t.offer()
	err := t.until("the worker to be started again", back, func() bool { return time.Since(killed) > pause })
	t.withdraw()
	if err != nil && !errors.Is(err, errBack) {
		return inbox.Say{}, err
	}
	if err := t.StartWorker(t.ctx); err != nil {
		return inbox.Say{}, err
	}
	t.stands(time.Now())
	gone := since(killed)
	t.say("started", gone)
	now, err := t.replaced(before)
	n := t.CA.IssuedFor(t.subject.host) - issued
	if err == nil && n != 1 {
		err = fmt.Errorf("the CA issued %d certificates for one renewal of %s", n, t.subject.name)
	}
	return t.seenAs(now.Short(), n, gone), err
}

// killEngine: Temporal dies between two steps of an escalation.
func (t *turn) killEngine() (inbox.Say, error) {
	begin := time.Now()
	aging, err := t.put(nearly)
	if err != nil {
		return inbox.Say{}, err
	}
	t.say("aged", aging.Short())
	var first letter
	if err := t.until("minji to be told", nil, func() (ok bool) { first, ok = t.first(aging, "slack", owner, begin); return ok }); err != nil {
		return inbox.Say{}, err
	}
	killed := time.Now()
	t.falls(killed)
	t.strike()
	t.say("killed", whole(pause))
	back := t.offer()
	err = t.until("the engine to be let alone", back, func() bool { t.strike(); return time.Since(killed) > pause })
	t.withdraw()
	if err != nil && !errors.Is(err, errBack) {
		return inbox.Say{}, err
	}
	err = harness.WaitFor(t.ctx, "Temporal to answer again", func() (bool, error) { return harness.Ready(t.ctx, "http://"+t.HTTP+"/readyz") })
	if err != nil {
		return inbox.Say{}, err
	}
	t.stands(time.Now())
	gone := since(killed)
	t.say("started", gone)
	var second letter
	if err := t.until("the team to be told", nil, func() (ok bool) { second, ok = t.first(aging, "", team, begin); return ok }); err != nil {
		return inbox.Say{}, err
	}
	n := 0
	for _, l := range t.letters.about(t.subject.name, string(aging)) {
		if l.Reader == team && l.Open {
			n++
		}
	}
	if _, err = t.put(calm); err == nil {
		err = t.settled(aging)
	}
	planned := t.subject.ladders[0].steps[1].after
	return t.seenAs(gone, whole(second.At.Sub(first.At)), whole(planned), n), err
}

// strike kills the Temporal server that runs now, if one does.
func (t *turn) strike() {
	r, err := engine.Recorded(filepath.Join(t.Data(), "engine"))
	if err == nil && r.PID > 1 && strings.Contains(commandLine(r.PID), t.Dir) {
		_ = syscall.Kill(r.PID, syscall.SIGKILL)
	}
}
