package target

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// A master that replaces itself, as it does after each start, refuses
// connections for an instant.
const (
	masterAnswer   = 3 * time.Second
	masterPatience = 8 * time.Second
)

// reloadByMaster reloads HAProxy as SIGUSR2 does, and waits for what became of
// it: the master replaces itself, and keeps the old workers where the new
// configuration is no good.
func (t *HAProxy) reloadByMaster(ctx context.Context) error {
	m := runtime{socket: t.options.Master, timeout: min(t.timeout, masterAnswer)}
	var before reloads
	var err error
	_ = await(ctx, min(t.timeout, masterPatience), func() (bool, error) { // what it says is in err
		before, err = m.reloads(ctx)
		return err == nil, nil
	}, "")
	if err != nil {
		return err
	}
	answer, _ := m.say(ctx, "reload\n") // 2.6 ends the connection when it replaces itself
	switch {
	case strings.Contains(answer, "Success=0"): // 2.7 and later wait and tell
		return fmt.Errorf("HAProxy did not take up the new configuration and goes on with the old one: %s", quoted(answer))
	case strings.Contains(answer, "Success=1"):
		return nil
	case strings.Contains(answer, "Unknown command"):
		return fmt.Errorf("%s is not the socket of a master: %s", t.options.Master, quoted(answer))
	}
	return await(ctx, t.timeout, func() (bool, error) {
		now, err := m.reloads(ctx)
		if err != nil || now.count == before.count && now.failed == before.failed {
			return false, nil // not yet, or not there for an instant
		}
		if now.failed > 0 {
			return false, fmt.Errorf("HAProxy did not take up the new configuration and goes on with the old one: its master shows [failed: %d]; see its log", now.failed)
		}
		return true, nil
	}, "HAProxy's master was told to reload and did not")
}

// reloads is what the master counts.
type reloads struct{ count, failed int }

var masterLine = regexp.MustCompile(`(?m)^\d+\s+master\s+(\d+) \[failed: (\d+)\]`)

func (r runtime) reloads(ctx context.Context) (reloads, error) {
	answer, err := r.say(ctx, "show proc\n")
	if err != nil {
		return reloads{}, err
	}
	m := masterLine.FindStringSubmatch(answer)
	if m == nil {
		return reloads{}, fmt.Errorf("%s is not the socket of a HAProxy master: it said: %s", r.socket, quoted(answer))
	}
	count, errCount := strconv.Atoi(m[1])
	failed, errFailed := strconv.Atoi(m[2])
	if errCount != nil || errFailed != nil {
		return reloads{}, fmt.Errorf("HAProxy's master counts strangely: %s", quoted(m[0]))
	}
	return reloads{count, failed}, nil
}
