package page

import (
	"context"
	"net/http"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/delivery"
)

// Channels tell how they stand. They are given as far as they are known, beside
// an error.
type Channels interface {
	Channels(ctx context.Context) ([]Channel, error)
}

// Channel is how one stands: what it delivered, whether it fails for everybody,
// and whether anybody reads it.
type Channel struct {
	delivery.Listed
	Trouble delivery.Trouble
	Life    delivery.Life
	Silent  bool // what looks after it did not answer, so that the last two are not known
}

// deliveryView is the screen of what does not arrive: messages, addresses, channels.
type deliveryView struct {
	frame
	Lost     lost
	Broken   []delivery.Broken
	Channels []channelView
	Missing  []string // what could not be read
}

type channelView struct {
	Channel
	Bad, Trouble, Proof string
}

func (p *Page) delivery(w http.ResponseWriter, r *http.Request, in session) {
	f := p.frame(r, in, "")
	f.Title = f.R.T("delivery.title")
	x := deliveryView{frame: f, Lost: p.lostNow(r.Context(), f.R)}
	if p.Letters != nil {
		all, err := p.Letters.Broken(r.Context())
		if err != nil {
			p.Log.Warn("page: broken addresses cannot be read", "cause", err.Error())
			x.Missing = append(x.Missing, f.R.T("delivery.unread"))
		}
		for _, b := range all {
			if p.Directory().Knows(b.Address) {
				x.Broken = append(x.Broken, b)
			}
		}
	}
	if p.Channels != nil {
		ctx, cancel := context.WithTimeout(r.Context(), statusWithin)
		defer cancel()
		all, err := p.Channels.Channels(ctx)
		if err != nil {
			p.Log.Warn("page: channels cannot be asked", "cause", err.Error())
			x.Missing = append(x.Missing, f.R.T("delivery.unasked"))
		}
		for _, c := range all {
			x.Channels = append(x.Channels, channelOf(f.R, c))
		}
	}
	p.show(w, "delivery", http.StatusOK, x)
}

func channelOf(r reader, c Channel) channelView {
	v := channelView{Channel: c}
	switch l := c.Life; {
	case c.Silent:
		v.Proof = r.T("proof.silent")
	case l.Unreached != "":
		v.Proof = r.T("proof.unreached", "why", alert.Clean(l.Unreached))
	case l.Doubtful:
		v.Proof = r.T("proof.doubtful", "time", r.Plain(l.AskedAt))
	case l.AnsweredAt.After(l.AskedAt):
		v.Proof = r.T("proof.answered", "who", alert.Clean(l.By), "time", r.Plain(l.AnsweredAt))
	case !l.AskedAt.IsZero():
		v.Proof = r.T("proof.asked", "time", r.Plain(l.AskedAt))
	case !l.NextAt.IsZero():
		v.Proof = r.T("proof.next", "time", r.Plain(l.NextAt))
	default:
		v.Proof = r.T("proof.none")
	}
	switch {
	case c.Trouble.On():
		v.Bad = r.T("channel.fails", "since", r.Plain(c.Trouble.Since), "time", r.Plain(c.Trouble.TryAt), "why", alert.Clean(c.Trouble.Cause))
	case c.Life.Doubtful:
		v.Bad = r.T("channel.doubtful", "channel", alert.Clean(c.Name))
	case c.Standing.LastFailure.After(c.Standing.LastSuccess):
		v.Trouble = r.T("channel.last", "why", alert.Clean(c.Standing.Why))
	default:
		v.Trouble = r.T("channel.fine")
	}
	return v
}
