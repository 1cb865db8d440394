package app

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/neverlapse/neverlapse/activities"
	"github.com/neverlapse/neverlapse/internal/alert"
	"github.com/neverlapse/neverlapse/internal/config"
	"github.com/neverlapse/neverlapse/internal/doctor"
)

// Bounds of an examination. Checks mostly wait for others, so many go abreast.
const (
	examineAbreast = 64
	examineAll     = 3 // times the patience with one check
	mostGood       = 50
	mostFound      = 900 // characters
)

func patience(each time.Duration) doctor.Patience {
	return doctor.Patience{Each: each, All: examineAll * each, Abreast: examineAbreast}
}

// Doctor looks at everything that an installation stands on: from here at
// Temporal, and by a worker at what only a worker reaches. Where none answers, the
// rest is looked at from here, as far as this machine and this user reach it.
type Doctor struct {
	Config config.Config
	Dial   func(context.Context) (client.Client, error)
	Only   []string      // codes and areas; all if empty
	Each   time.Duration // for one check
	Kinds  []Kinds       // beside our own
}

// Examine gives what was found, in the order of doctor.Codes.
func (d Doctor) Examine(ctx context.Context) []doctor.Finding {
	by := thisMachine()
	here := []doctor.Check{doctor.One(doctor.Configuration, "", func(context.Context) doctor.Finding { return loaded(d.Config) })}
	dialling, cancel := context.WithTimeout(ctx, d.Each)
	conn, err := d.Dial(dialling)
	cancel()
	if err != nil {
		here = append(here, doctor.One(doctor.Engine, "", func(context.Context) doctor.Finding { return unreached(d.Config, err) }))
		return d.sorted(append(doctor.Run(ctx, patience(d.Each), by, d.Only, here), d.fromHere(ctx, nil)...))
	}
	e := engineChecks{d.Config, conn}
	here = append(here, e.all()...)
	var found, far []doctor.Finding
	var both sync.WaitGroup
	both.Go(func() { found = doctor.Run(ctx, patience(d.Each), by, d.Only, here) })
	both.Go(func() { far = d.byWorker(ctx, e) })
	both.Wait()
	return d.sorted(append(found, far...))
}

func (d Doctor) sorted(all []doctor.Finding) []doctor.Finding {
	all = doctor.Fold(all, mostGood)
	doctor.Sort(all)
	return all
}

// loaded speaks of the configuration that was read: config.Load has found nothing
// wrong with it.
func loaded(c config.Config) doctor.Finding {
	if c.Source == "" {
		return doctor.Good("no file was found: flags, the environment and what counts where nothing is configured")
	}
	return doctor.Good("%s: every section is valid", c.Source)
}

func unreached(c config.Config, err error) doctor.Finding {
	remedy := "start neverlapse-worker, which runs the engine: systemctl start neverlapse-worker"
	var why unreachable
	if errors.As(err, &why) && why.remedy != "" {
		remedy = why.remedy
	} else if c.Temporal.Address != "" {
		remedy = "start the Temporal cluster at " + c.Temporal.Address + ", or set temporal.address (--address) and temporal.tls: nc -vz " + strings.ReplaceAll(c.Temporal.Address, ":", " ")
	}
	return doctor.Bad(remedy, "%s", inOneLine(err))
}

// byWorker asks a worker, if one polls.
func (d Doctor) byWorker(ctx context.Context, e engineChecks) []doctor.Finding {
	queue := d.Config.Temporal.TaskQueue
	alive, err := e.alive(ctx, queue, d.Each)
	answer := doctor.Finding{Code: doctor.Answers, About: "queue " + queue, By: thisMachine()}
	if err == nil && alive == 0 {
		answer.Level, answer.Found = doctor.Fail, "no worker polls, so what only a worker can look at is looked at from here"
	} else {
		begun := time.Now()
		var out activities.Examined
		asked := time.Time{}
		out, asked, err = examineOn(ctx, e.conn, queue, activities.Examination{Only: d.Only, Each: d.Each, All: examineAll * d.Each})
		if err == nil {
			answer.Level, answer.Found = doctor.OK, fmt.Sprintf("it did what it was asked for, after %d ms", time.Since(begun).Milliseconds())
			return append(d.only(answer, clockOf(begun, asked, out.AskedAt)), out.Findings...)
		}
		answer.Level, answer.Found = doctor.Fail, "a worker polls and did not do what it was asked for: "+inOneLine(err)
	}
	answer.Remedy = "start it, or restart it: systemctl restart neverlapse-worker; then see: journalctl -u neverlapse-worker -n 50"
	return append(d.only(answer), d.fromHere(ctx, e.conn)...)
}

func (d Doctor) only(all ...doctor.Finding) (out []doctor.Finding) {
	for _, f := range all {
		if f.Code.Named(d.Only) {
			out = append(out, f)
		}
	}
	return out
}

// clockOf holds the clock of this machine against Temporal's: it was asked between
// the two instants here.
func clockOf(from, until, there time.Time) doctor.Finding {
	ahead := time.Duration(0)
	switch {
	case there.Before(from):
		ahead = from.Sub(there)
	case there.After(until):
		ahead = until.Sub(there)
	}
	f := skewed(ahead, "Temporal's")
	f.Code, f.About, f.By = doctor.Clock, "this machine", thisMachine()
	return f
}

// What a clock may be off by. CAs and TLS go by the clock; thresholds do by minutes.
const (
	skewWarns = 30 * time.Second
	skewFails = 5 * time.Minute
)

// skewed says how far our clock is ahead of another; below zero: behind it.
func skewed(ahead time.Duration, whose string) doctor.Finding {
	const remedy = "have the clock of this machine set: timedatectl set-ntp true; and see: timedatectl timesync-status"
	off, way := ahead.Abs().Round(time.Second), "ahead of"
	if ahead < 0 {
		way = "behind"
	}
	switch {
	case off > skewFails:
		return doctor.Bad(remedy, "the clock is %s %s %s", off, way, whose)
	case off > skewWarns:
		return doctor.Doubtful(remedy, "the clock is %s %s %s", off, way, whose)
	}
	return doctor.Good("the clock agrees with %s within %s", whose, max(off, time.Second))
}

// examineOn has a worker of a queue look, and tells until when it was being asked.
func examineOn(ctx context.Context, conn client.Client, queue string, in activities.Examination) (out activities.Examined, asked time.Time, err error) {
	const lastWord = 10 * time.Second
	waiting, cancel := context.WithTimeout(ctx, in.All+lastWord)
	defer cancel()
	h, err := conn.ExecuteActivity(waiting, client.StartActivityOptions{
		ID: "doctor/" + rand.Text(), TaskQueue: queue, Summary: "asked for by neverlapse doctor",
		ScheduleToStartTimeout: in.Each, ScheduleToCloseTimeout: in.All + lastWord,
		// It may have been handed to a worker that was killed meanwhile: another takes it.
		HeartbeatTimeout: 5 * time.Second, RetryPolicy: &temporal.RetryPolicy{MaximumAttempts: 3},
	}, "Examine", in)
	asked = time.Now()
	if err == nil {
		err = h.Get(waiting, &out)
	}
	var unknown *serviceerror.Unimplemented
	switch {
	case errors.As(err, &unknown):
		err = fmt.Errorf("this Temporal cluster runs no activities by themselves (server 1.31 or later, dynamic configuration activity.enableStandalone): %w", err)
	case waiting.Err() != nil && ctx.Err() == nil:
		err = fmt.Errorf("no answer within %s", in.All)
	}
	return out, asked, err
}

// fromHere looks at what a worker would, without writing anything that a worker
// could not read or replace. conn is nil where Temporal is out of reach.
func (d Doctor) fromHere(ctx context.Context, conn client.Client) []doctor.Finding {
	c, out := d.reachedFromHere()
	x := &examiner{by: thisMachine(), config: func() config.Config { return c }, client: conn, acts: &activities.Activities{}}
	why := notOurs(c)
	if why == nil {
		acts, p, err := build(ctx, c, d.Kinds)
		x.acts, x.store, x.wrong = acts, p.store, err
		if p.store != nil {
			defer p.store.Close()
		}
	} else {
		x.unopened = why
		acts, err := adapters(c, parts{}, d.Kinds)
		x.acts, x.wrong = acts, err
	}
	all, err := channelsOf(c)
	if err != nil && x.wrong == nil {
		x.wrong = err
	}
	x.channels = func() []activities.Channeled { return all }
	return append(out, x.Examine(ctx, activities.Examination{Only: d.Only, Each: d.Each, All: examineAll * d.Each}, activities.Moment{})...)
}

// ByWorkersAlone are the kinds of targets and sources that the CLI cannot make, for
// want of the client libraries of others.
var ByWorkersAlone = struct{ Targets, Sources []string }{[]string{"aws-acm", "kubernetes"}, []string{"aws-acm", "cert-manager", "kubernetes"}}

// reachedFromHere is the configuration without what only a worker can make, and
// what is said of that.
func (d Doctor) reachedFromHere() (config.Config, []doctor.Finding) {
	c := d.Config
	var out []doctor.Finding
	left := func(code doctor.Code, name, kind string) bool {
		f := doctor.Doubtful("start a worker: systemctl start neverlapse-worker; then: neverlapse doctor", "not looked at: it is of kind %s, which a worker alone reaches", kind)
		f.Code, f.About, f.By = code, name, thisMachine()
		out = append(out, d.only(f)...)
		return true
	}
	c.Targets = slices.DeleteFunc(slices.Clone(c.Targets), func(a config.Adapter) bool {
		return slices.Contains(ByWorkersAlone.Targets, a.Kind) && left(doctor.Target, a.Name, a.Kind)
	})
	c.Sources = slices.DeleteFunc(slices.Clone(c.Sources), func(s config.Source) bool {
		return slices.Contains(ByWorkersAlone.Sources, s.Kind) && left(doctor.Sources, s.Name, s.Kind)
	})
	return c, out
}

// notOurs tells why the store is not opened from here: it is not there, or what
// was written would belong to another user than its own.
func notOurs(c config.Config) *doctor.Finding {
	dir, err := storeFolder(c)
	if err != nil || dir == "" {
		return nil // build says it
	}
	info, err := os.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		f := doctor.Bad("run this where a worker runs, with its configuration: neverlapse doctor --config FILE; a new installation has a store once a worker was started", "there is no store at %s", dir)
		return &f
	}
	if err != nil {
		f := doctor.Bad("run this as the user of the worker: sudo -u neverlapse neverlapse doctor", "%s", inOneLine(err))
		return &f
	}
	if owner, ok := info.Sys().(*syscall.Stat_t); ok && int(owner.Uid) != os.Geteuid() {
		name := strconv.Itoa(int(owner.Uid))
		if u, err := user.LookupId(name); err == nil {
			name = u.Username
		}
		f := doctor.Doubtful("sudo -u "+name+" neverlapse doctor", "not opened: %s belongs to %s, and this is run by another user", dir, name)
		return &f
	}
	return nil
}

func thisMachine() string {
	host, err := os.Hostname()
	if err != nil {
		host = "this machine"
	}
	return host
}

// inOneLine makes an error safe to show, and short.
func inOneLine(err error) string {
	return bounded(strings.Join(strings.Split(strings.TrimSpace(err.Error()), "\n"), "; "))
}

func bounded(text string) string {
	text = alert.Clean(text)
	if r := []rune(text); len(r) > mostFound {
		text = string(r[:mostFound]) + "…"
	}
	return text
}

// temporalCommand begins a command line of the temporal CLI.
func temporalCommand(c config.Config, verb string) string {
	address := cmp.Or(c.Temporal.Address, "ADDRESS")
	if c.Temporal.Address == "" {
		if at, err := engineAddress(c); err == nil {
			address = at
		}
	}
	return fmt.Sprintf("temporal %s --address %s --namespace %s", verb, address, c.Temporal.Namespace)
}
