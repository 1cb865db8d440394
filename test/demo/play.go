package main

import (
	"context"
	"sync"
	"time"

	"github.com/neverlapse/neverlapse/test/demo/inbox"
	"github.com/neverlapse/neverlapse/test/harness"
)

// play opens the stage's page, prepares everything, plays the scenes and sums
// up. Without --once it then goes on telling what it sees until ctx ends.
func play(ctx context.Context, c *console, o options) (ok bool, err error) {
	if o.visitors, err = readVisitors(o.hosts); err != nil {
		return false, err
	}
	b := newBoard()
	page, err := inbox.Serve(o.listen, b)
	if err != nil {
		return false, err
	}
	defer func() { _ = page.Close() }()
	c.say("The stage: %s", page.URL)
	c.heard = b.heard
	s, clean, err := open(ctx, c, b, o)
	if err != nil {
		b.fails(err)
		return false, err
	}
	defer clean()
	defer s.Close()
	s.url = page.URL
	background, stop := context.WithCancel(ctx)
	var watchers sync.WaitGroup
	for _, f := range []func(context.Context){s.seen.run, s.listen, s.settle, s.findPage} {
		watchers.Go(func() { f(background) })
	}
	defer watchers.Wait()
	defer stop()
	b.change(func() { b.stage = s })
	s.introduce()
	acts := s.perform(ctx)
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	if ok = s.sumUp(acts); !ok {
		c.say("The end of the worker's log:\n%s", tail(s.Worker.Output(), 6000))
	}
	if !o.once {
		s.invite(o.bin)
		<-ctx.Done()
	}
	return ok, nil
}

// open finds or builds the programs and raises the stage in a workspace, which
// clean removes.
func open(ctx context.Context, c *console, b *board, o options) (s *stage, clean func(), err error) {
	bins, err := binaries(ctx, c, o.bin)
	if err != nil {
		return nil, nil, err
	}
	dir, clean, err := workspace()
	if err != nil {
		return nil, nil, err
	}
	if s, err = raise(ctx, c, b, o, bins, dir); err != nil {
		clean()
		return nil, nil, err
	}
	return s, clean, nil
}

// perform plays all scenes at the same time and waits for their ends.
func (s *stage) perform(ctx context.Context) []*act {
	ctx, cancel := s.patiently(ctx)
	defer cancel()
	var actors sync.WaitGroup
	acts := make([]*act, len(scenes))
	for i, sc := range scenes {
		acts[i] = &act{stage: s, scene: sc, site: s.sites[sc.host], ctx: ctx}
		actors.Go(acts[i].run)
	}
	actors.Wait()
	return acts
}

// patiently bounds the scenes. The clock stands still while a button's trouble is
// under way.
func (s *stage) patiently(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for left := patience; left > 0; {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			if s.undisturbed(time.Now()) {
				left -= time.Second
			}
		}
		cancel(context.DeadlineExceeded)
	}()
	return ctx, func() { cancel(nil) }
}

// findPage looks whether the product's own page answers.
func (s *stage) findPage(ctx context.Context) {
	at := "http://" + s.HTTP + "/"
	tick := time.NewTicker(2 * time.Second)
	defer tick.Stop()
	for {
		if ok, err := harness.Ready(ctx, at); ok && err == nil {
			s.board.change(func() { s.board.page = at })
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
