package lifecycle

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"sort"
	"time"

	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/people"
)

const day = 24 * time.Hour

// world plays everything that is not the brain, in virtual time: what places
// serve, how runs end, who is reached, who answers when.
type world struct {
	issued time.Time
	now    time.Time
	s      State

	addresses int                     // of the one endpoint of a watched certificate
	served    map[string]cert.Version // target, or address, -> what it serves
	candidate map[cert.Fingerprint]cert.Version
	made      int // versions made so far
	lifetime  time.Duration
	troubles  []trouble
	vacant    []people.Role // roles that nobody fills
	summary   time.Duration // after a report, the import tells; never if zero
	unheard   bool          // nobody takes reports

	agenda []task
	outage time.Time // our own system is down until then
	shows  bool      // print looks
	mute   bool      // print nothing
	limit  int       // of decisions; none if zero

	decisions int
	happened  int // tasks of the agenda that are done
	lines     []string
	told      []noticed
	// decided sees every decision before it is applied, and applied right after.
	decided func(Decision)
	applied func(Decision)
}

// trouble is something that is wrong for a while.
type trouble struct {
	kind     string // ca, refused, deploy, proof, doubt, unknown, channels, away, dead
	who      string // away: the target; dead: the address; channels: the kind, or all
	from, to time.Time
	retryAt  time.Time // ca: its Retry-After
	text     string
}

type task struct {
	at     time.Time
	report bool // ends an action
	do     func()
}

type noticed struct {
	reason alert.Reason
	reach  alert.Reach
}

func newWorld(spec Spec, issued time.Time, lifetime time.Duration) *world {
	w := &world{issued: issued, now: issued, lifetime: lifetime, addresses: 1, served: map[string]cert.Version{}, candidate: map[cert.Fingerprint]cert.Version{}}
	if spec.Name == "" {
		spec.Name = "shop"
	}
	spec.Names, spec.Owner, spec.Team, spec.CA = []string{"shop.example.com"}, "minji", "web", "main-ca"
	w.s = State{Spec: spec, EnrolledAt: issued, TellsDrift: true}
	return w
}

// begin puts the first version on every place and enrols at an instant.
func (w *world) begin(enrolled time.Time, firstIssued bool) {
	w.now, w.s.EnrolledAt = enrolled, enrolled
	if w.s.Spec.Managed && len(w.s.Spec.Targets) == 0 {
		w.s.Spec.Targets = []string{"web1"}
	}
	if w.s.Spec.Managed {
		for _, t := range w.s.Spec.Targets {
			w.s.Spec.Endpoints = append(w.s.Spec.Endpoints, cert.Endpoint{Host: t + ".example.com", Port: 443, ServerName: "shop.example.com", Target: t})
		}
	} else {
		w.s.Spec.Endpoints = []cert.Endpoint{{Host: "shop.example.com", Port: 443}}
	}
	if firstIssued {
		v := w.make(w.issued)
		for _, p := range w.holders() {
			w.served[p] = v
		}
	}
}

// holders are the targets of a managed certificate, the addresses of a watched one.
func (w *world) holders() []string {
	if w.s.Spec.Managed {
		return w.s.Spec.Targets
	}
	var out []string
	for i := range w.addresses {
		out = append(out, fmt.Sprintf("192.0.2.%d:443", i+1))
	}
	return out
}

func (w *world) make(from time.Time) cert.Version {
	w.made++
	return versionNo(w.made, from, w.lifetime)
}

func versionNo(n int, from time.Time, lifetime time.Duration) cert.Version {
	sum := sha256.Sum256(fmt.Appendf(nil, "version %d", n))
	return cert.Version{
		Fingerprint: cert.Fingerprint(hex.EncodeToString(sum[:])), Serial: fmt.Sprint(n), Issuer: "Test CA",
		NotBefore: from, NotAfter: from.Add(lifetime), Names: []string{"shop.example.com"}, KeyAlgorithm: "EC256",
	}
}

// at puts something on the agenda.
func (w *world) at(when time.Time, do func()) { w.put(task{at: when, do: do}) }

// lose forgets the reports of everything under way.
func (w *world) lose() {
	w.agenda = slices.DeleteFunc(w.agenda, func(t task) bool { return t.report })
}

func (w *world) put(t task) {
	i := sort.Search(len(w.agenda), func(i int) bool { return w.agenda[i].at.After(t.at) })
	w.agenda = slices.Insert(w.agenda, i, t)
}

// suffers looks for a trouble that holds now.
func (w *world) suffers(kind, who string) *trouble {
	for i, t := range w.troubles {
		if t.kind == kind && (t.who == "" || t.who == who) && !w.now.Before(t.from) && w.now.Before(t.to) {
			return &w.troubles[i]
		}
	}
	return nil
}

// stepsAtOnce bounds how many steps the brain may ask for in one instant.
const stepsAtOnce = 200

// play runs the loop of the entity until an instant.
func (w *world) play(until time.Time) {
	for {
		due := until.Add(1)
		if !w.now.Before(w.outage) {
			d, alive := w.think()
			if !alive {
				return
			}
			due = d.Due
		} else if w.outage.Before(due) {
			due = w.outage
		}
		if len(w.agenda) > 0 && w.agenda[0].at.Before(due) {
			due = w.agenda[0].at
		}
		if due.After(until) {
			w.now = until
			return
		}
		w.now = latest(w.now, due)
		w.happen()
	}
}

func (w *world) happen() {
	for len(w.agenda) > 0 && !w.agenda[0].at.After(w.now) {
		t := w.agenda[0]
		w.agenda = w.agenda[1:]
		w.happened++
		t.do()
	}
}

// think asks the brain until it waits.
func (w *world) think() (Decision, bool) {
	for n := 0; ; n++ {
		if n > stepsAtOnce {
			panic(fmt.Sprintf("more than %d steps at %s; the last ones:\n%s", stepsAtOnce, w.now, tail(w.lines, 12)))
		}
		d := Next(w.now, w.s)
		if w.decisions++; w.decisions == w.limit {
			return d, false
		}
		if w.decided != nil {
			w.decided(d)
		}
		if d.Step.Kind == StepWait {
			return d, true
		}
		w.s.Apply(d, w.now)
		if w.applied != nil {
			w.applied(d)
		}
		if d.Step.Kind == StepFinish {
			w.say("end", "nobody guards it any more: %s", d.Reason)
			return d, false
		}
		w.act(d)
	}
}

func tail(lines []string, n int) string {
	out := ""
	for _, l := range lines[max(0, len(lines)-n):] {
		out += l + "\n"
	}
	return out
}

func (w *world) act(d Decision) {
	switch d.Step.Kind {
	case StepLook:
		if w.shows {
			w.say("look", "%s", d.Reason)
		}
		w.later(lookTakes, func() { w.s.Observed(w.now, w.observe()) })
	case StepTell:
		w.tell(d)
	case StepEdit:
		a := *d.Step.Alert
		w.say("edit", "%s: the messages say %s%s", a.Reason, a.Edit, because(a))
		w.later(tellTakes, func() { w.s.Edited(a.ID) })
	case StepReport:
		w.report(d)
	case StepClose:
		w.say("close", "%s: %s", d.Step.Alert.Reason, d.Step.Alert.Evidence)
	case StepRun:
		w.run(d)
	case StepApproval:
		w.say("asked", "%s", d.Reason)
	}
}

func because(a Alert) string {
	if a.Cause == "" || a.Edit != alert.Changed {
		return ""
	}
	return " (" + a.Cause + ")"
}

// later does what ends an action; while our own system is down it waits.
func (w *world) later(takes time.Duration, do func()) {
	var wait func()
	wait = func() {
		if w.now.Before(w.outage) {
			w.put(task{at: w.outage, report: true, do: wait})
			return
		}
		do()
	}
	w.put(task{at: w.now.Add(takes), report: true, do: wait})
}

// observe is what a scanner sees.
func (w *world) observe() []cert.Observation {
	var out []cert.Observation
	see := func(o cert.Observation, holder string, cut *trouble) {
		o.At = w.now
		switch v, ok := w.served[holder]; {
		case cut != nil:
			o.Err = cut.text
		case !ok:
			o.Err = "connection refused"
		default:
			o.Version = v
		}
		out = append(out, o)
	}
	for _, h := range w.holders() {
		if !w.s.Spec.Managed {
			see(cert.Observation{Endpoint: w.s.Spec.Endpoints[0], Address: h}, h, w.suffers("dead", h))
			continue
		}
		i := slices.IndexFunc(w.s.Spec.Endpoints, func(e cert.Endpoint) bool { return e.Target == h })
		if i >= 0 {
			see(cert.Observation{Endpoint: w.s.Spec.Endpoints[i]}, h, w.suffers("dead", h))
		}
		see(cert.Observation{Target: h}, h, w.suffers("away", h))
	}
	return out
}
