package activities

import (
	"context"
	"errors"
	"slices"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/neverlapse/neverlapse/internal/delivery"
	"github.com/neverlapse/neverlapse/internal/fault"
)

// ChannelNews is what the workflow of a channel is told: one thing.
type ChannelNews struct {
	// GivenUp is a message that the channel did not deliver, and Before is how it stood then.
	GivenUp *delivery.Undelivered `json:"givenUp,omitempty"`
	Before  delivery.Standing     `json:"before,omitzero"`
	// Broken is an address that was found to lead nowhere just now.
	Broken *delivery.Broken `json:"broken,omitempty"`
	// WorkedAt is when the channel accepted a message after it had failed.
	WorkedAt time.Time `json:"workedAt,omitzero"`
}

// Undelivered keeps dead letters and tells the channels concerned. An address
// that is to blame is broken from now on.
func (a *Activities) Undelivered(ctx context.Context, letters []delivery.Undelivered) error {
	return toTemporal(a.undelivered(ctx, letters), a.Now())
}

func (a *Activities) undelivered(ctx context.Context, letters []delivery.Undelivered) error {
	if len(letters) == 0 {
		return nil
	}
	if err := a.Store.PutUndelivered(ctx, letters); err != nil {
		return ours(err)
	}
	for _, u := range letters {
		if u.Channel == "" {
			continue
		}
		before, err := a.Store.NoteOutcome(ctx, delivery.Outcome{Channel: u.Channel, At: u.At, About: u.About, Why: u.Why})
		if err != nil {
			return ours(err)
		}
		if u.About == delivery.Address {
			if err := a.breakAddress(ctx, delivery.Broken{Kind: u.Kind, Address: u.Address, Owner: u.To, Channel: u.Channel, Since: u.At, TriedAt: u.At, Why: u.Why, Returned: u.Returned}); err != nil {
				return err
			}
		}
		if err := a.report(ctx, u.Channel, ChannelNews{GivenUp: &u, Before: before}); err != nil {
			return err
		}
	}
	return nil
}

// breakAddress keeps that an address leads nowhere. The workflow is told however
// often this is repeated, for an earlier try may have died before; it tells
// people once.
func (a *Activities) breakAddress(ctx context.Context, b delivery.Broken) error {
	if _, err := a.Store.PutBroken(ctx, b); err != nil {
		return ours(err)
	}
	all, err := a.Store.Broken(ctx)
	if err != nil {
		return ours(err)
	}
	if first, ok := delivery.BrokenIn(all, b.Kind, b.Address); ok {
		b.Since = first.Since
	}
	return a.report(ctx, b.Channel, ChannelNews{Broken: &b})
}

func (a *Activities) report(ctx context.Context, channel string, n ChannelNews) error {
	if a.Switchboard == nil {
		return nil
	}
	return a.Switchboard.Report(ctx, channel, n)
}

// noteAccepted notes that a channel took a message. What cannot be noted is no
// reason to send it again.
func (a *Activities) noteAccepted(ctx context.Context, channel string, w Way) {
	now := a.Now()
	before, err := a.Store.NoteOutcome(ctx, delivery.Outcome{Channel: channel, At: now})
	if err == nil && before.Failing {
		err = a.report(ctx, channel, ChannelNews{WorkedAt: now})
	}
	if all, brokenErr := a.Store.Broken(ctx); brokenErr == nil {
		if b, ok := delivery.BrokenIn(all, w.Kind, w.Address); ok && !b.Returned {
			_, brokenErr = a.Store.Mend(ctx, w.Kind, w.Address)
		}
		err = errors.Join(err, brokenErr)
	}
	if err != nil {
		activity.GetLogger(ctx).Warn("that a channel accepted a message could not be noted", "channel", channel, "error", err)
	}
}

// ListUndelivered reads the dead letters, and the broken addresses that are still
// in the directory.
func (a *Activities) ListUndelivered(ctx context.Context, q delivery.Query) (delivery.List, error) {
	letters, err := a.Store.Undelivered(ctx, q.All)
	broken, brokenErr := a.Store.Broken(ctx)
	who := a.Directory()
	broken = slices.DeleteFunc(broken, func(b delivery.Broken) bool { return !who.Knows(b.Address) })
	return delivery.List{Letters: letters, Broken: broken}, toTemporal(ours(errors.Join(err, brokenErr)), a.Now())
}

// MarkSeen says of dead letters that somebody has seen them, and gives how many.
func (a *Activities) MarkSeen(ctx context.Context, in delivery.Marking) (int, error) {
	return len(in.IDs), toTemporal(a.Store.MarkSeen(ctx, in.IDs, in.Seen), a.Now())
}

// MendAddress forgets that an address is broken, in whatever kinds of channels,
// and gives in how many it was. NotFound: in none.
func (a *Activities) MendAddress(ctx context.Context, in delivery.Mending) (int, error) {
	all, err := a.Store.Broken(ctx)
	mended := 0
	for _, b := range all {
		if !b.Is(b.Kind, in.Address) {
			continue
		}
		was, mendErr := a.Store.Mend(ctx, b.Kind, b.Address)
		if err = errors.Join(err, mendErr); was {
			mended++
		}
	}
	if err == nil && mended == 0 {
		return 0, toTemporal(fault.New(fault.NotFound, "the address %q is not known to be broken; see: neverlapse undelivered", in.Address), a.Now())
	}
	return mended, toTemporal(ours(err), a.Now())
}

// ListChannels tells which channels this worker has, and how each stands. Those
// that nobody in particular reads have nothing to prove.
func (a *Activities) ListChannels(ctx context.Context, _ struct{}) ([]delivery.Listed, error) {
	known, err := a.Store.Standings(ctx)
	channels := a.Channels()
	out := make([]delivery.Listed, 0, len(channels))
	for _, c := range channels {
		l := delivery.Listed{Name: c.Name, Kind: c.Kind, Proves: !c.LastResort}
		for _, s := range known {
			if s.Channel == c.Name {
				l.Standing = s
			}
		}
		out = append(out, l)
	}
	return out, toTemporal(ours(err), a.Now())
}
