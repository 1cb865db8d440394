package notifytest

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/fault"
)

// Channel is what the contract is about; activities declares the same method.
type Channel interface {
	Send(ctx context.Context, m alert.Message, retry bool) (alert.Receipt, error)
}

// Updater is the optional half.
type Updater interface {
	Update(ctx context.Context, r alert.Receipt, m alert.Message) error
}

// Trouble is something that can be wrong on the other side.
type Trouble string

// The troubles, and what a channel has to make of each.
const (
	Down      Trouble = "down"       // transient
	Later     Trouble = "later"      // transient, or unavailable
	SlowDown  Trouble = "slow down"  // unavailable, with a date
	Refuses   Trouble = "refuses"    // configuration, or invalid
	BadLogin  Trouble = "bad login"  // configuration
	ReplyLost Trouble = "reply lost" // transient, although it was delivered
	Hangs     Trouble = "hangs"      // ends with the context
)

var expected = map[Trouble][]fault.Kind{
	Down: {fault.Transient}, Later: {fault.Transient, fault.Unavailable}, SlowDown: {fault.Unavailable},
	Refuses: {fault.Configuration, fault.Invalid}, BadLogin: {fault.Configuration}, ReplyLost: {fault.Transient},
}

// Delivery is one message as the other side has it.
type Delivery struct {
	ID      string
	Thread  string   // ID of the message that it answers; empty if none
	Reading string   // every text that a reader sees
	Markup  []string // the texts in which the sink interprets markup
}

// Bench is one channel with its other side, fresh for each test.
type Bench struct {
	Kind         string
	Address      string
	Channel      Channel
	Deduplicates bool       // what the channel declares
	Open         func() int // alerts that are open there, where the other side keeps one entry an alert; else nil
	Brief        bool       // there is room for one line only
	Threads      bool       // the other side knows which message answers which
	Secrets      []string   // must never be in an error
	Delivered    func() []Delivery
	Trouble      map[Trouble]func() // how to bring each about; what is missing cannot happen
	Heal         func()
	Answers      Answers // nil: it speaks no HTTP
	// Means is what the channel makes of a status in a way of its own; nil: as usual.
	Means func(status, retryAfter int) []fault.Kind
}

// Harness makes a Bench.
type Harness func(t *testing.T) Bench

// Run holds a channel to the contract.
func Run(t *testing.T, h Harness) {
	t.Run("every fact arrives, in the reader's language and zone", func(t *testing.T) { everyFact(t, h(t)) })
	t.Run("the receipt says what, where and when", func(t *testing.T) { wholeReceipt(t, h(t)) })
	t.Run("a retry does not deliver twice", func(t *testing.T) { retryIsOne(t, h(t)) })
	t.Run("a retry after a lost reply does not deliver twice", func(t *testing.T) { lostReply(t, h(t)) })
	t.Run("a message without a key is refused", func(t *testing.T) { withoutKey(t, h(t)) })
	t.Run("another notice is another message, even as a retry", func(t *testing.T) { twoNotices(t, h(t)) })
	t.Run("a follow-up stands in the thread of the first message", func(t *testing.T) { followUp(t, h(t)) })
	t.Run("an update that resolves is told, other news are taken", func(t *testing.T) { updates(t, h(t)) })
	t.Run("each trouble has its kind, and no error shows a secret", func(t *testing.T) { troubles(t, h) })
	t.Run("every status of HTTP has its kind", func(t *testing.T) { everyStatus(t, h(t)) })
	t.Run("the largest notice is taken", func(t *testing.T) { huge(t, h) })
	t.Run("hostile text arrives harmless", func(t *testing.T) { hostile(t, h(t)) })
	t.Run("the context is honoured", func(t *testing.T) { contextEnds(t, h) })
}

func (b Bench) message(n alert.Notice, language string) alert.Message {
	return Message(n, b.Kind, b.Address, language)
}

func (b Bench) send(t *testing.T, m alert.Message, retry bool) alert.Receipt {
	t.Helper()
	r, err := b.Channel.Send(t.Context(), m, retry)
	if err != nil {
		t.Fatalf("send: %v", err)
	}
	return r
}

// ids lists the distinct messages that the other side has.
func (b Bench) ids() []string {
	var out []string
	for _, d := range b.Delivered() {
		out = append(out, d.ID)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (b Bench) last(t *testing.T) Delivery {
	t.Helper()
	all := b.Delivered()
	if len(all) == 0 {
		t.Fatal("nothing was delivered")
	}
	return all[len(all)-1]
}

func everyFact(t *testing.T, b Bench) {
	for _, language := range alert.Languages() {
		n := Sample()
		n.Key += language
		b.send(t, b.message(n, language), false)
		reading := b.last(t).Reading
		if b.Brief {
			if !strings.Contains(reading, string(n.Severity)) || !strings.Contains(reading, n.Certificate) {
				t.Errorf("%s: severity or name did not arrive in %q", language, reading)
			}
			continue
		}
		text := alert.Render(n, language, "Asia/Seoul")
		want := []string{text.Subject, text.Headline, text.NextAction, text.Advice, text.Link, text.Footer,
			"*.example.com, shop.example.com", "2026-12-01 15:30 KST (2026-12-01 06:30 UTC)"}
		for _, l := range text.Lines {
			want = append(want, l.Label, l.Value)
		}
		for _, list := range []alert.List{text.Cause, text.Places, text.Tried, text.Commands} {
			want = append(append(want, list.Title), list.Items...)
		}
		for _, w := range want {
			if !strings.Contains(reading, w) {
				t.Errorf("%s: %q did not arrive in\n%s", language, w, reading)
			}
		}
	}
}

func wholeReceipt(t *testing.T, b Bench) {
	m := b.message(Sample(), "en")
	r := b.send(t, m, false)
	if r.Channel != m.Channel || r.Kind != b.Kind || r.To != m.To.ID || r.Address != b.Address || r.DedupKey != m.DedupKey {
		t.Errorf("receipt %+v of message to %s by %s", r, m.Address, m.Channel)
	}
	if r.ID == "" || r.At.IsZero() || time.Since(r.At).Abs() > time.Hour {
		t.Errorf("receipt without ID or time: %+v", r)
	}
}

func retryIsOne(t *testing.T, b Bench) {
	if !b.Deduplicates {
		t.Skip("the channel declares that it cannot tell")
	}
	m := b.message(Sample(), "en")
	first, second := b.send(t, m, false), b.send(t, m, true)
	if first.ID != second.ID || len(b.ids()) != 1 {
		t.Errorf("first %s, retry %s; delivered %v", first.ID, second.ID, b.ids())
	}
}

func lostReply(t *testing.T, b Bench) {
	lose := b.Trouble[ReplyLost]
	if !b.Deduplicates || lose == nil {
		t.Skip("the channel declares that it cannot tell")
	}
	m := b.message(Sample(), "en")
	lose()
	if r, err := b.Channel.Send(t.Context(), m, false); err == nil {
		t.Fatalf("the reply was lost, and the channel says %+v", r)
	}
	b.Heal()
	if n := len(b.ids()); n != 1 {
		t.Fatalf("%d messages arrived before the retry, want 1", n)
	}
	if r := b.send(t, m, true); len(b.ids()) != 1 {
		t.Errorf("retry %s; delivered %v", r.ID, b.ids())
	}
}

func withoutKey(t *testing.T, b Bench) {
	if !b.Deduplicates {
		t.Skip("the channel needs none")
	}
	m := b.message(Sample(), "en")
	m.DedupKey = ""
	if _, err := b.Channel.Send(t.Context(), m, false); !fault.Is(err, fault.Invalid) || len(b.ids()) != 0 {
		t.Errorf("%s %v; delivered %v", fault.KindOf(err), err, b.ids())
	}
}

func twoNotices(t *testing.T, b Bench) {
	b.send(t, b.message(Sample(), "en"), false)
	other := Sample()
	other.Key = "shop/2"
	b.send(t, b.message(other, "en"), true)
	if b.Open != nil && len(b.Delivered()) == 2 {
		return
	}
	if len(b.ids()) != 2 {
		t.Errorf("delivered %v, want two messages", b.ids())
	}
}

func followUp(t *testing.T, b Bench) {
	first := b.send(t, b.message(Sample(), "en"), false)
	n := Sample()
	n.Key = "shop/2"
	m := b.message(n, "en")
	m.InReplyTo = &first
	second := b.send(t, m, false)
	if second.ID == first.ID {
		t.Errorf("the follow-up has the ID of the first message, %s", first.ID)
	}
	if got := b.last(t); b.Threads && got.Thread != first.ID {
		t.Errorf("follow-up %+v answers %q, want %q", second, got.Thread, first.ID)
	}
	again := b.send(t, m, true)
	if b.Open != nil && len(b.ids()) == 1 {
		return
	}
	if b.Deduplicates && (again.ID != second.ID || len(b.ids()) != 2) {
		t.Errorf("retried follow-up %s, first %s; delivered %v", again.ID, second.ID, b.ids())
	}
}

func updates(t *testing.T, b Bench) {
	u, ok := b.Channel.(Updater)
	if !ok {
		t.Skip("the channel cannot change what it sent")
	}
	r := b.send(t, b.message(Sample(), "ko"), false)
	if b.Open != nil && b.Open() != 1 {
		t.Errorf("%d alerts are open, want 1", b.Open())
	}
	for _, phase := range []alert.Phase{alert.Changed, alert.Acknowledged, alert.Snoozed, alert.Resolved} {
		n := Sample()
		n.Phase, n.Key = phase, "shop/"+string(phase)
		n.Answer = &alert.Answer{By: "minji", Via: "slack", At: n.At, Until: n.At.Add(24 * time.Hour)}
		for range 2 { // an activity may run twice
			m := b.message(n, "") // who reads it is known from the receipt
			m.To.TimeZone = ""
			if err := u.Update(t.Context(), r, m); err != nil {
				t.Fatalf("%s: %v", phase, err)
			}
		}
	}
	if b.Open != nil {
		if open := b.Open(); open != 0 {
			t.Errorf("%d alerts are open although theirs is resolved", open)
		}
		return
	}
	n := Sample()
	n.Phase = alert.Resolved
	if want := alert.Render(n, "ko", "").Headline; !strings.Contains(b.last(t).Reading, want) {
		t.Errorf("no %q in\n%s", want, b.last(t).Reading)
	}
	if reading := b.last(t).Reading; !strings.Contains(reading, "KST") {
		t.Errorf("the news are not in the reader's zone:\n%s", reading)
	}
	if b.Deduplicates && len(b.ids()) > 2 {
		t.Errorf("%d messages for one alert and its end: %v", len(b.ids()), b.ids())
	}
}
