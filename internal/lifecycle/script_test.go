package lifecycle

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/people"
)

// script is the input of a timeline in plain words, one "key: value" a line.
type script struct {
	t        *testing.T
	w        *world
	keys     map[string]string
	pending  [][2]string // lines that need the world to exist
	enrolled time.Time
	until    time.Time
	first    bool // a first version is on the places already
}

func read(t *testing.T, input string) *script {
	s := &script{t: t, keys: map[string]string{}, first: true}
	for line := range strings.Lines(input) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		key, value, ok := strings.Cut(line, ": ")
		if !ok {
			t.Fatalf("%q: want key: value", line)
		}
		switch key {
		case "lifetime", "managed", "issued", "enrolled", "until", "targets", "addresses", "acknowledgements last", "inform", "thresholds":
			s.keys[key] = value
		default:
			s.pending = append(s.pending, [2]string{key, value})
		}
	}
	s.prepare()
	for _, p := range s.pending {
		s.line(p[0], p[1])
	}
	return s
}

func (s *script) prepare() {
	issued, err := time.Parse(time.RFC3339, s.keys["issued"])
	if err != nil {
		s.t.Fatal(err)
	}
	spec := Spec{Managed: s.keys["managed"] == "yes", Policy: Default()}
	for i := range s.number("targets", 1) {
		if spec.Managed {
			spec.Targets = append(spec.Targets, fmt.Sprintf("web%d", i+1))
		}
	}
	if text := s.keys["acknowledgements last"]; text != "" {
		spec.Policy.AckFor = span(text)
	}
	s.w = newWorld(spec, issued, s.duration(s.keys["lifetime"]))
	s.w.addresses = s.number("addresses", 1)
	s.enrolled = issued
	if text := s.keys["enrolled"]; text != "" {
		text, s.first = strings.TrimSuffix(text, ", never issued"), !strings.HasSuffix(text, ", never issued")
		s.enrolled = s.instant(text)
	}
	s.until = s.instant(s.keys["until"])
	s.w.begin(s.enrolled, s.first)
}

func (s *script) number(key string, none int) int {
	if s.keys[key] == "" {
		return none
	}
	n, err := strconv.Atoi(s.keys[key])
	if err != nil {
		s.t.Fatal(err)
	}
	return n
}

func (s *script) duration(text string) time.Duration {
	d, err := ParseDuration(text)
	if err != nil {
		s.t.Fatal(err)
	}
	return d
}

var instants = regexp.MustCompile(`^day (\d+)(?: (\d\d):(\d\d)(?::(\d\d))?)?$`)

// instant reads "day 60" or "day 60 06:30", counted from the first issuance.
func (s *script) instant(text string) time.Time {
	m := instants.FindStringSubmatch(strings.TrimSpace(text))
	if m == nil {
		s.t.Fatalf("%q is not an instant: write day 60 or day 60 06:30", text)
	}
	at := s.w.issued
	for i, unit := range []time.Duration{day, time.Hour, time.Minute, time.Second} {
		n, _ := strconv.Atoi("0" + m[i+1])
		at = at.Add(time.Duration(n) * unit)
	}
	return at
}

var (
	lasting = regexp.MustCompile(`^(?:(\S+) )?from (day .+?) (?:for (\S+)|until (day .+?))(?:, (.+))?$`)
	words   = regexp.MustCompile(`^(acknowledge|snooze until (day .+?)|snooze for ever) by (\w+)(?: for (\w+))? (?:at (day .+)|(\S+) after (?:notice (\d+)|the first (notice|page)))$`)
	byHand  = regexp.MustCompile(`^by (\w+) at (day .+?)(?: until (day .+?))?$`)
	handed  = regexp.MustCompile(`^on (.+) at (day .+?) for (\S+)$`)
)

// line reads one line about what happens in the world.
func (s *script) line(key, value string) {
	troubles := map[string]string{
		"CA down": "ca", "CA refuses": "refused", "deploying fails": "deploy", "proof fails": "proof", "rolling back fails": "doubt",
		"results are lost": "unknown", "channels fail": "channels", "target away": "away", "address dead": "dead", "our system down": "outage",
	}
	if kind, ok := troubles[key]; ok {
		s.trouble(key, kind, value)
		return
	}
	switch key {
	case "answer":
		s.answer(value)
	case "imported": // for 1h, summary after 5m; for 1h, no summary; for 1h, nobody listens
		wait, summary, _ := strings.Cut(strings.TrimPrefix(value, "for "), ", ")
		s.w.s.Import = &Import{ID: "import/1", Until: s.enrolled.Add(s.duration(wait)), Awaited: true}
		s.w.unheard = summary == "nobody listens"
		if after, ok := strings.CutPrefix(summary, "summary after "); ok {
			s.w.summary = s.duration(after)
		}
	case "nobody is":
		s.w.vacant = append(s.w.vacant, people.Role(value))
	case "installed by hand":
		m := s.match(handed, value)
		s.w.at(s.instant(m[2]), func() { s.w.replace(s.duration(m[3]), strings.Split(m[1], ", ")...) })
	case "put back": // the first version, by somebody else
		target, when, _ := strings.Cut(strings.TrimPrefix(value, "on "), " at ")
		s.w.at(s.instant(when), func() {
			s.w.served[target] = versionNo(1, s.w.issued, s.w.lifetime)
			s.w.say("world", "somebody puts %s back on %s", s.w.served[target].Fingerprint.Short(), target)
		})
	case "CA suggests":
		start, end, _ := strings.Cut(strings.TrimPrefix(value, "from "), " to ")
		s.w.s.Window = nil
		from, to := s.instant(start), s.instant(end)
		s.w.at(latest(s.enrolled.Add(2*time.Second), from.Add(-10*day)), func() {
			s.w.s.Window = &cert.Window{Start: from, End: to}
			p := PlanOf(s.w.s.Live, s.w.s.Window, s.w.s.Spec.Policy)
			note := "; renewal at " + s.w.clock(p.RenewAt)
			if p.WindowIgnored != "" {
				note = "; ignored: " + p.WindowIgnored + note
			}
			s.w.say("world", "the CA suggests to renew from %s to %s%s", s.w.clock(from), s.w.clock(to), note)
		})
	case "pause", "resume", "roll back", "renew now", "retire":
		s.word(key, s.match(byHand, value))
	default:
		s.t.Fatalf("nobody knows the key %q", key)
	}
}

func (s *script) match(r *regexp.Regexp, text string) []string {
	m := r.FindStringSubmatch(text)
	if m == nil {
		s.t.Fatalf("%q does not look like %s", text, r)
	}
	return m
}

func (s *script) trouble(name, kind, value string) {
	m := s.match(lasting, value)
	t := trouble{kind: kind, who: m[1], from: s.instant(m[2]), text: m[5]}
	if m[3] != "" {
		t.to = t.from.Add(s.duration(m[3]))
	} else {
		t.to = s.instant(m[4])
	}
	if t.text == "" {
		t.text = strings.ToLower(name)
	}
	if wait, ok := strings.CutPrefix(t.text, "come back on "); ok {
		t.retryAt = s.instant(wait)
	}
	who := strings.TrimPrefix(" ("+t.who+")", " ()")
	s.w.at(t.from, func() {
		s.w.say("world", "%s%s", name, who)
		if kind == "outage" {
			s.w.outage = t.to
		}
	})
	s.w.at(t.to, func() { s.w.say("world", "no longer: %s%s", name, who) })
	if kind != "outage" {
		s.w.troubles = append(s.w.troubles, t)
	}
}

// answer puts a human's answer on the agenda.
func (s *script) answer(value string) {
	m := s.match(words, value)
	in := Answered{By: m[3], Via: "slack"}
	if m[4] != "" {
		in.For = s.duration(m[4])
	}
	do := func() { s.acknowledge(in) }
	if strings.HasPrefix(m[1], "snooze") {
		in.Until = s.until.Add(1000 * day)
		if m[2] != "" {
			in.Until = s.instant(m[2])
		}
		do = func() { s.snooze(in) }
	}
	if m[5] != "" {
		s.w.at(s.instant(m[5]), do)
		return
	}
	wait, done := s.duration(m[6]), false
	nth, _ := strconv.Atoi("0" + m[7])
	before := s.w.applied
	s.w.applied = func(d Decision) {
		if before != nil {
			before(d)
		}
		if done || d.Step.Kind != StepTell {
			return
		}
		// The notice is counted when it is told, which is right after this.
		page := m[8] == "page" && d.Step.Reach == alert.PageAll
		if page || m[8] == "notice" || (nth > 0 && len(s.w.told)+1 == nth) {
			done = true
			s.w.at(s.w.now.Add(wait), do)
		}
	}
}

func (s *script) acknowledge(in Answered) {
	w := s.w
	if err := w.s.CheckAcknowledge(in); err != nil {
		w.say("answer", "refused to %s: %s", in.By, err)
		return
	}
	for _, a := range w.s.Acknowledge(w.now, in) {
		w.say("answer", "%s acknowledges %s %s, until %s", in.By, a.Severity, a.Reason, w.clock(a.Answer.Until))
	}
}

func (s *script) snooze(in Answered) {
	w := s.w
	if err := w.s.CheckSnooze(w.now, in); err != nil {
		w.say("answer", "refused to %s: %s", in.By, err)
		return
	}
	for _, a := range w.s.Snooze(w.now, in) {
		w.say("answer", "%s snoozes %s %s, until %s", in.By, a.Severity, a.Reason, w.clock(a.Answer.Until))
	}
}

// word is something else that a human asks for.
func (s *script) word(what string, m []string) {
	w, o := s.w, Order{By: m[1], Note: "asked for"}
	s.w.at(s.instant(m[2]), func() {
		o.At = w.now
		var err error
		switch what {
		case "pause":
			p := Pause{Order: o, Until: s.instant(m[3])}
			if err = w.s.CheckPause(w.now, p); err == nil {
				w.s.Paused = &p
				what += " until " + w.clock(p.Until)
			}
		case "resume":
			if err = w.s.CheckResume(); err == nil {
				w.s.Resume()
			}
		case "roll back":
			if err = w.s.CheckRollBack(w.now, ""); err == nil {
				w.s.AskRollBack(o)
			}
		case "renew now":
			if err = w.s.CheckRenew(w.now); err == nil {
				w.s.Renew = &o
			}
		case "retire":
			if err = w.s.CheckRetire(true); err == nil {
				w.s.Retire = &o
			}
		}
		if err != nil {
			w.say("answer", "refused to %s: %s", o.By, err)
			return
		}
		w.say("answer", "%s asks: %s", o.By, what)
	})
}
