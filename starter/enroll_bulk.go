package main

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/neverlapse/neverlapse/internal/inventory"
)

// abreast is how many rows are looked at and enrolled at once.
const abreast = senders * batchRows

// bulk is one run over an inventory.
type bulk struct {
	*cli
	wish      wish
	known     known
	importing *importing

	mu      sync.Mutex
	done    []*rowView // by row; nil while it is not done
	printed int        // so many from the beginning are told
	counts  map[rowOutcome]int
	bar     *progress
}

// run takes every row to its end, a number of them at once, and tells the
// results in the order of the file.
func (b *bulk) run(ctx context.Context, rows []inventory.Row) error {
	b.done, b.counts = make([]*rowView, len(rows)), map[rowOutcome]int{}
	b.bar = b.newProgress(len(rows))
	defer b.bar.end()
	group, working := errgroup.WithContext(ctx)
	sent := b.importing.serve(working)
	group.SetLimit(abreast)
	for i, r := range rows {
		if working.Err() != nil {
			break
		}
		group.Go(func() error {
			v, err := b.row(working, r)
			if err == nil {
				err = b.told(i, v)
			}
			return err
		})
	}
	err := group.Wait()
	sent()
	b.bar.end()
	if err == nil && !b.wish.dry { // a run before may have been cut short after its last row
		err = b.importing.complete(ctx)
	}
	return b.conclude(ctx, err)
}

// told notes the result of a row, and writes those whose turn has come.
func (b *bulk) told(i int, v rowView) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.done[i] = &v
	b.counts[v.Outcome]++
	b.bar.step()
	for b.printed < len(b.done) && b.done[b.printed] != nil && b.output.value != "json" {
		b.bar.clear()
		if err := b.printRow(*b.done[b.printed]); err != nil {
			return err
		}
		b.done[b.printed] = &rowView{}
		b.printed++
	}
	return nil
}

// conclude sums up; err is what ended the run before its end.
func (b *bulk) conclude(ctx context.Context, err error) error {
	if err := b.printRest(); err != nil {
		return err
	}
	all, line := b.summary()
	if b.text() {
		b.say("%s", line)
	} else {
		b.remark("%s", line)
	}
	left := len(b.done) - all
	const again = "what is enrolled stays; run it again to complete"
	switch {
	case ctx.Err() != nil:
		return problem{exitFailed, fmt.Sprintf("stopped with %d of %d rows left; %s", left, len(b.done), again)}
	case err != nil:
		p := b.explain(err)
		return problem{p.code, fmt.Sprintf("%s\nit stopped with %d of %d rows left; %s", p.text, left, len(b.done), again)}
	case b.counts[rowRefused] > 0:
		return problem{exitFailed, fmt.Sprintf("%d of %d rows were refused; mend them as their results say and run it again", b.counts[rowRefused], len(b.done))}
	}
	return nil
}

// summary counts the results in words.
func (b *bulk) summary() (all int, line string) {
	for _, o := range rowOutcomes {
		n := b.counts[o]
		all += n
		if n > 0 || o == rowRefused {
			line += fmt.Sprintf(", %d %s", n, o.inWords())
		}
	}
	line = plural(all, "row") + line
	if b.wish.dry {
		line += "; nothing was sent (--dry-run)"
	}
	if b.counts[rowEnrolled] > 0 {
		line += ". Each owner is told once of what ends soon; what has less than a day left pages at once"
	}
	return all, line
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// ends reports whether an error ends the whole run: nothing that follows could fare better.
func ends(ctx context.Context, err error) bool {
	var p problem
	return ctx.Err() != nil || noEngine(err) || noWorker(err) || errors.As(err, &p) && p.code == exitUnreachable
}
