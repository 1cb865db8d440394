package oracle

import (
	"testing"
	"time"
)

var zero = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

// at is an instant so many seconds after zero.
func at(seconds float64) time.Time { return zero.Add(time.Duration(seconds * float64(time.Second))) }

const calm = 10 * time.Second

// legacy is watched: at 60 seconds left minji is told, 20 seconds later the team.
var legacy = Guard{
	Name: "legacy", Host: "legacy.test", LooksEvery: 5 * time.Second, Thresholds: []Threshold{{Left: time.Minute, Severity: "P2"}},
	Ladders: map[string][]Rung{"P2": {{Readers: []string{"minji"}}, {After: 20 * time.Second, Readers: []string{"#team"}}}},
}

// shop is renewed, first at 100 seconds left.
var shop = Guard{Name: "shop", Host: "shop.test", Managed: true, RenewLeft: 100 * time.Second, LooksEvery: 5 * time.Second, Thresholds: []Threshold{{Left: 30 * time.Second, Severity: "P1"}}}

func version(fingerprint string, ends float64) Version {
	return Version{Fingerprint: fingerprint, NotBefore: at(-3600), NotAfter: at(ends)}
}

func message(seconds float64, name, version, reader, key string) Message {
	return Message{At: at(seconds), By: "slack", Reader: reader, Key: key, Words: key, Name: name, Version: version, Firing: true}
}

// counts are lost, twice, issued, expected.
type counts [4]int

func (c Count) counts() counts { return counts{c.Lost, c.Twice, c.Issued, c.Expected} }

func TestTheOracleCanSayOne(t *testing.T) {
	for name, tc := range map[string]struct {
		happens func(l *Ledger)
		until   float64
		want    counts
	}{
		"a threshold in silence":      {func(*Ledger) {}, 109, counts{1}},
		"not before its time is over": {func(*Ledger) {}, 49, counts{}},
		"told, and the next one too": {func(l *Ledger) {
			l.Received(message(41, "legacy", "aaaa", "minji", "1"))
			l.Received(message(61, "legacy", "aaaa", "#team", "2"))
		}, 99, counts{}},
		"the second step in silence": {func(l *Ledger) { l.Received(message(41, "legacy", "aaaa", "minji", "1")) }, 80, counts{1}},
		"the second step, when somebody answered": {func(l *Ledger) {
			l.Received(message(41, "legacy", "aaaa", "minji", "1"))
			l.Answered("legacy", at(50))
		}, 99, counts{}},
		"told about another version": {func(l *Ledger) { l.Received(message(41, "legacy", "bbbb", "minji", "1")) }, 99, counts{1}},
		"told that all is well": {func(l *Ledger) {
			l.Received(Message{At: at(41), Name: "legacy", Version: "aaaa", Reader: "minji", Key: "1"})
		}, 99, counts{1}},
		"told the wrong one":                    {func(l *Ledger) { l.Received(message(41, "legacy", "aaaa", "hana", "1")) }, 99, counts{1}},
		"replaced in time":                      {func(l *Ledger) { l.Served("legacy.test", version("bbbb", 9999), at(45)) }, 160, counts{}},
		"the worker is dead":                    {func(l *Ledger) { l.Down(at(30)) }, 600, counts{}},
		"the worker was dead, and nothing came": {func(l *Ledger) { l.Down(at(30)); l.Up(at(60)) }, 60 + Recovery.Seconds() + 21, counts{1}},
		"late is not lost": {func(l *Ledger) {
			l.Received(message(75, "legacy", "aaaa", "minji", "1"))
			l.Received(message(95, "legacy", "aaaa", "#team", "2"))
		}, 99, counts{}},
		"the end in silence": {func(l *Ledger) {
			l.Received(message(41, "legacy", "aaaa", "minji", "1"))
			l.Received(message(61, "legacy", "aaaa", "#team", "2"))
		}, 111, counts{1}},
		"twice by key": {func(l *Ledger) {
			l.Received(message(41, "legacy", "aaaa", "minji", "1"))
			l.Received(message(47, "legacy", "aaaa", "minji", "1"))
		}, 50, counts{0, 1}},
		"twice by words": {func(l *Ledger) {
			m := message(41, "legacy", "aaaa", "minji", "1")
			l.Received(m)
			m.Key, m.At = "2", at(43)
			l.Received(m)
		}, 50, counts{0, 1}},
		"the same to another reader": {func(l *Ledger) {
			l.Received(message(41, "legacy", "aaaa", "minji", "1"))
			l.Received(message(41, "legacy", "aaaa", "hana", "1"))
		}, 50, counts{}},
	} {
		t.Run(name, func(t *testing.T) {
			l := New(calm)
			l.Served("legacy.test", version("aaaa", 100), at(0))
			l.Enrolled(legacy, at(1))
			tc.happens(l)
			if c := l.Count(at(tc.until)); c.counts() != tc.want {
				t.Errorf("lost, twice, issued, expected %v, want %v\n%+v", c.counts(), tc.want, c)
			}
		})
	}
}

func TestTheOracleCountsTheCertificatesOfTheCA(t *testing.T) {
	for name, tc := range map[string]struct {
		happens func(l *Ledger)
		until   float64
		want    counts
	}{
		"a renewal when it is due": {func(l *Ledger) {
			l.Issued("bbbb", []string{"shop.test"}, at(101))
			l.Served("shop.test", version("bbbb", 2000), at(103))
		}, 190, counts{0, 0, 1, 1}},
		"one too many, that nobody is shown": {func(l *Ledger) {
			l.Issued("bbbb", []string{"shop.test"}, at(101))
			l.Issued("cccc", []string{"shop.test"}, at(102))
			l.Served("shop.test", version("bbbb", 2000), at(103))
		}, 190, counts{0, 0, 2, 1}},
		"one too many, installed at once": {func(l *Ledger) {
			l.Issued("bbbb", []string{"shop.test"}, at(101))
			l.Served("shop.test", version("bbbb", 2000), at(103))
			l.Issued("cccc", []string{"shop.test"}, at(104))
			l.Served("shop.test", version("cccc", 2000), at(105))
		}, 190, counts{0, 0, 2, 1}},
		"asked for once more": {func(l *Ledger) {
			l.Issued("bbbb", []string{"shop.test"}, at(101))
			l.Served("shop.test", version("bbbb", 2000), at(103))
			l.Asked("shop", at(104))
			l.Issued("cccc", []string{"shop.test"}, at(105))
			l.Served("shop.test", version("cccc", 2000), at(106))
		}, 190, counts{0, 0, 2, 2}},
		"issued, not installed, and told": {func(l *Ledger) {
			l.Issued("bbbb", []string{"shop.test"}, at(101))
			l.Received(message(105, "shop", "aaaa", "minji", "1"))
		}, 160, counts{0, 0, 1, 1}},
		"issued, not installed, in silence": {func(l *Ledger) { l.Issued("bbbb", []string{"shop.test"}, at(101)) }, 160, counts{1, 0, 1, 1}},
		"a second one for the same version": {func(l *Ledger) {
			l.Issued("bbbb", []string{"shop.test"}, at(101))
			l.Received(message(105, "shop", "aaaa", "minji", "1"))
			l.Issued("cccc", []string{"shop.test"}, at(107))
		}, 160, counts{0, 0, 2, 1}},
		"for a name that nobody guards": {func(l *Ledger) {
			l.Issued("bbbb", []string{"other.test"}, at(50))
		}, 90, counts{0, 0, 1, 0}},
		"due for long, in silence": {func(l *Ledger) { l.Asked("shop", at(10)) }, 10 + Overdue.Seconds() + 11, counts{3, 0, 0, 0}},
		"due, the CA was away, and one word tells for all": {func(l *Ledger) {
			l.Away(at(90))
			l.Received(Message{At: at(95), Name: "ca", Reader: "#team", Key: "1", Firing: true, Outage: true})
			l.Back(at(700))
			l.Received(message(171, "shop", "aaaa", "minji", "2")) // the threshold
			l.Received(message(201, "shop", "aaaa", "minji", "3")) // the end
		}, 900, counts{}},
		"due, the CA was away, and not a word": {func(l *Ledger) {
			l.Away(at(90))
			l.Back(at(700))
			l.Served("shop.test", version("bbbb", 9999), at(899))
		}, 900, counts{3, 0, 0, 0}},
		"due, and the CA is away":      {func(l *Ledger) { l.Away(at(50)) }, 150, counts{}},
		"a threshold before it is due": {func(*Ledger) {}, 99, counts{}},
	} {
		t.Run(name, func(t *testing.T) {
			l := New(calm)
			l.Served("shop.test", version("aaaa", 200), at(0))
			l.Enrolled(shop, at(1))
			tc.happens(l)
			if c := l.Count(at(tc.until)); c.counts() != tc.want {
				t.Errorf("lost, twice, issued, expected %v, want %v\n%+v", c.counts(), tc.want, c)
			}
		})
	}
}

func TestThresholdsAreShortenedForShortLives(t *testing.T) {
	month := Threshold{Left: 30 * 24 * time.Hour, Part: 3}
	if got := month.of(90 * 24 * time.Hour); got != 30*24*time.Hour {
		t.Errorf("of 90 days: %s", got)
	}
	if got := month.of(6 * 24 * time.Hour); got != 48*time.Hour {
		t.Errorf("of 6 days: %s", got)
	}
}
