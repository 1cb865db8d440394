package activities

import (
	"cmp"
	"context"
	"slices"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/delivery"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/gather"
	"github.com/neverlapse/neverlapse/internal/people"
)

// AddressInput asks who is told, and by which channels.
type AddressInput struct {
	people.Question
	About alert.Traits `json:"about,omitzero"` // of the notice, for routes
	Reach alert.Reach  `json:"reach"`
	Used  []string     `json:"used,omitempty"` // kinds of channel used in this round already
	Last  bool         `json:"last"`           // nobody comes after these roles
	// Severity of what is told; empty: it waits for nothing else.
	Severity alert.Severity `json:"severity,omitempty"`
	// MayWait is until when quiet hours count at most; zero: they do not. Again
	// tells that quiet hours are over for To, who are told once more.
	MayWait time.Time `json:"mayWait,omitzero"`
	Again   bool      `json:"again,omitempty"`
	To      []string  `json:"to,omitempty"`
}

// Delivery is one way to one contact. Others are tried in order if it fails;
// deliveries to the same contact share them.
type Delivery struct {
	To     people.Contact `json:"to"`
	Way    Way            `json:"way"`
	Others []Way          `json:"others,omitempty"`
	// Gather says that it goes through the inbox of the contact, by these rules;
	// nil: it goes at once.
	Gather *gather.Rules `json:"gather,omitempty"`
	// Copy is of a notice that somebody else is told; it counts as having reached nobody.
	Copy bool `json:"copy,omitempty"`
	// Aside says why the route of the notice is not followed.
	Aside string `json:"aside,omitempty"`
	// Hushed is when the quiet hours end for which nothing interrupts the contact,
	// who is told again then; Way is empty if nothing is sent before.
	Hushed time.Time `json:"hushed,omitzero"`
}

// Way is a configured channel and an address in it.
type Way struct {
	Channel string `json:"channel"`
	Kind    string `json:"kind"`
	Address string `json:"address"`
}

// Address resolves roles at the time of sending. Nobody found is an empty
// answer; where nobody comes after, the catch-all is. An address that leads
// nowhere is used where nothing else is left.
func (a *Activities) Address(ctx context.Context, in AddressInput) ([]Delivery, error) {
	broken, err := a.Store.Broken(ctx)
	if err != nil { // whatever the store does, people are told
		activity.GetLogger(ctx).Warn("which addresses are broken cannot be read; all are used", "error", err)
	}
	b := Book{Directory: a.Directory(), Channels: a.Channels(), avoid: func(w Way) bool {
		found, ok := delivery.BrokenIn(broken, w.Kind, w.Address)
		return ok && found.Avoid(a.Now())
	}}
	if a.Routes != nil {
		b.Routes = a.Routes()
	}
	out := b.Deliveries(in)
	for i, d := range out {
		if !d.Copy {
			out[i].Gather = a.gathered(d.Way, in)
		}
	}
	return a.hush(in, out), nil
}

// Book is what decides who is told by which channels.
type Book struct {
	Directory people.Directory
	Channels  []Channeled
	Routes    []alert.Route
	avoid     func(Way) bool // leads nowhere, as far as is known; nil: all are good
}

// Deliveries gives who would be told now, and how.
func (b Book) Deliveries(in AddressInput) []Delivery {
	out := b.deliveries(b.Directory.Resolve(in.Question), in)
	if len(out) == 0 && in.Last {
		out = b.deliveries(b.Directory.CatchAllContacts(in.At), in)
	}
	return out
}

func (b Book) deliveries(contacts []people.Contact, in AddressInput) []Delivery {
	r := b.route(in)
	var out []Delivery
	for _, c := range contacts {
		ways, dead := b.sound(b.ways(c, in))
		mine, rest, aside := r.prefer(c, ways, in.Used)
		first, others := split(mine, width(in.Reach))
		if len(first) == 0 { // better an address that may be broken than nobody
			first, dead = dead[:min(1, len(dead))], dead[min(1, len(dead)):]
		}
		first, others = r.add(first, slices.Concat(others, rest))
		others = append(others, dead...)
		for _, w := range first {
			out = append(out, Delivery{To: c, Way: w, Others: others, Aside: aside})
		}
	}
	return append(out, b.copies(r, out)...)
}

// sound sorts out the ways that are known to lead nowhere.
func (b Book) sound(ways []Way) (good, dead []Way) {
	for _, w := range ways {
		if b.avoid != nil && b.avoid(w) {
			dead = append(dead, w)
		} else {
			good = append(good, w)
		}
	}
	return good, dead
}

// gathered gives the rules by which a notice waits for others.
func (a *Activities) gathered(w Way, in AddressInput) *gather.Rules {
	alone := slices.ContainsFunc(a.Channels(), func(c Channeled) bool { return c.Name == w.Channel && c.Groups })
	if in.Severity == "" || a.Inboxes == nil || alone {
		return nil
	}
	if rules := a.Gather(); rules.On() {
		return &rules
	}
	return nil
}

// split takes the ways that are used in parallel: the best of each kind, of at
// most so many kinds.
func split(ways []Way, kinds int) (first, others []Way) {
	for _, w := range ways {
		if len(first) < kinds && !slices.ContainsFunc(first, func(f Way) bool { return f.Kind == w.Kind }) {
			first = append(first, w)
		} else {
			others = append(others, w)
		}
	}
	return first, others
}

func width(r alert.Reach) int {
	switch r {
	case alert.Wide:
		return 2
	case alert.PageAll:
		return 100
	}
	return 1
}

// ways lists the channels that reach a contact, the best first: kinds not used
// in this round before used ones, and what interrupts first unless the notice is quiet.
func (b Book) ways(c people.Contact, in AddressInput) []Way {
	type ranked struct {
		Way
		rank int
	}
	var all []ranked
	for _, ch := range b.Channels {
		address := ch.AddressFor(c)
		if address == "" {
			continue
		}
		rank := 0
		if ch.LastResort {
			rank += 4
		}
		if slices.Contains(in.Used, ch.Kind) {
			rank += 2
		}
		if !ch.Interrupts && in.Reach != alert.Quiet {
			rank++
		}
		all = append(all, ranked{Way{ch.Name, ch.Kind, address}, rank})
	}
	slices.SortStableFunc(all, func(a, b ranked) int { return a.rank - b.rank })
	out := make([]Way, len(all))
	for i, r := range all {
		out[i] = r.Way
	}
	return out
}

// AddressFor is where a channel reaches a contact; empty if it does not.
func (ch Channeled) AddressFor(c people.Contact) string {
	return cmp.Or(c.Channels[ch.Name], c.Address[cmp.Or(ch.AddressOf, ch.Kind)])
}

func (a *Activities) channel(name string) (Channel, error) {
	for _, c := range a.Channels() {
		if c.Name == name {
			return c.Channel, nil
		}
	}
	return nil, fault.New(fault.Configuration, "channel %q is not configured on this worker", name)
}

// Deliver sends one message by one channel. A repeated try says so to the
// channel, which looks before it sends where it can.
func (a *Activities) Deliver(ctx context.Context, m alert.Message) (alert.Receipt, error) {
	c, err := a.channel(m.Channel)
	if err != nil {
		return alert.Receipt{}, toTemporal(err, a.Now())
	}
	m.Links = a.answerLinks(m)
	inner, cancel := withLastWord(ctx)
	defer cancel()
	r, err := c.Send(inner, m, activity.GetInfo(ctx).Attempt > 1)
	if err != nil {
		return alert.Receipt{}, toTemporal(err, a.Now())
	}
	if r.At.IsZero() {
		r.At = a.Now()
	}
	r.At = r.At.UTC().Truncate(time.Millisecond)
	a.noteAccepted(ctx, m.Channel, Way{Channel: m.Channel, Kind: m.Kind, Address: m.Address})
	return r, nil
}

// EditInput is a message that was sent, and what it should say now.
type EditInput struct {
	Receipt alert.Receipt `json:"receipt"`
	Message alert.Message `json:"message"`
}

// Edit brings a sent message up to date; channels that cannot do it do nothing.
func (a *Activities) Edit(ctx context.Context, in EditInput) error {
	c, err := a.channel(in.Receipt.Channel)
	if err != nil {
		return toTemporal(err, a.Now())
	}
	u, ok := c.(Updater)
	if !ok {
		return nil
	}
	return toTemporal(u.Update(ctx, in.Receipt, in.Message), a.Now())
}
