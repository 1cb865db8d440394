// Package nondeterministic holds one workflow for each way to break replay that
// workflowcheck has to report; run.sh fails if it stays silent about any. The go
// tools leave it out of "./...", because it lies under testdata.
package nondeterministic

import (
	"math/rand"
	"time"

	"go.temporal.io/sdk/workflow"
)

// AsksTheClock looks at the machine's time.
func AsksTheClock(workflow.Context) (time.Time, error) { return time.Now(), nil }

// ThrowsDice decides by chance.
func ThrowsDice(workflow.Context) (int, error) { return rand.Int(), nil }

// IteratesOverAMap depends on the order of a map.
func IteratesOverAMap(_ workflow.Context, in map[string]string) ([]string, error) {
	var out []string
	for k := range in {
		out = append(out, k)
	}
	return out, nil
}

// StartsAGoroutine leaves the order of events to Go's scheduler.
func StartsAGoroutine(workflow.Context) error {
	go func() {}()
	return nil
}

// UsesAChannel waits for what Temporal does not see.
func UsesAChannel(_ workflow.Context, in chan int) (int, error) { return <-in, nil }

// HidesTheClock asks for the time two calls away.
func HidesTheClock(ctx workflow.Context) (time.Duration, error) { return age(time.Time{}), nil }

func age(since time.Time) time.Duration { return time.Since(since) }
