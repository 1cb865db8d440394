package target

import (
	"context"
	"fmt"
	"path/filepath"
	"regexp"
	"time"

	"github.com/neverlapse/neverlapse/internal/fault"
)

// Apache is a running Apache httpd on this host: checked by -t and reloaded by
// -k graceful. Both succeed with a pair at which its process then ends, so the
// process is watched, and started again with the old files if it did.
type Apache struct {
	place
	options ApacheOptions
}

// NewApache makes a target of the kind apache; name is for messages.
func NewApache(name string, o ApacheOptions) (*Apache, error) {
	if err := o.Validate(); err != nil {
		return nil, fault.New(fault.Configuration, "apache target %q: %w", name, err)
	}
	p, err := newPlace("apache", name, o.Files)
	if err != nil {
		return nil, fault.New(fault.Configuration, "apache target %q: %w", name, err)
	}
	t := &Apache{place: p, options: o}
	t.check = t.command("-t")
	t.host, t.takeUp, t.running, t.start = t.configDirectory, t.graceful, t.runs, t.startAgain
	return t, nil
}

// Guarantees are those that hold with the options as they are.
func (t *Apache) Guarantees() Guarantees {
	g := ApacheGuarantees()
	g.Atomic = atomic(t.layout)
	return g
}

// command is Apache with the options that select the instance, and args.
func (t *Apache) command(args ...string) []string {
	argv := []string{t.options.binary()}
	if t.options.ServerRoot != "" {
		argv = append(argv, "-d", t.options.ServerRoot)
	}
	if t.options.Config != "" {
		argv = append(argv, "-f", t.options.Config)
	}
	for _, d := range t.options.Define {
		argv = append(argv, "-D", d)
	}
	return append(argv, args...)
}

var builtInRoot = regexp.MustCompile(`HTTPD_ROOT="([^"]+)"`)

// configDirectory is locked while we work: -t and -k graceful see the files of
// every target that shares the configuration.
func (t *Apache) configDirectory(ctx context.Context) ([]string, error) {
	switch {
	case t.options.Config != "":
		return []string{filepath.Dir(t.machine.resolve(t.options.Config))}, nil
	case t.options.ServerRoot != "":
		return []string{t.machine.resolve(t.options.ServerRoot)}, nil
	}
	r := run(ctx, t.command("-V"), t.timeout)
	// It tells that also where its configuration is broken.
	if m := builtInRoot.FindStringSubmatch(r.output); m != nil && filepath.IsAbs(m[1]) {
		return []string{t.machine.resolve(m[1])}, nil
	}
	if err := interrupted(ctx); err != nil {
		return nil, err
	}
	return nil, fault.New(fault.Configuration, "Apache's -V does not tell where its configuration is; set config or server_root (it said: %s)", shorten(r.output, maxQuoted))
}

var (
	dumpedPIDFile  = regexp.MustCompile(`(?m)^PidFile: "(/[^"\n]+)"`)
	dumpedErrorLog = regexp.MustCompile(`(?m)^Main ErrorLog: "(/[^"\n]+)"`)
)

// instance is what the configuration says of the process.
type instance struct{ pidFile, errorLog string }

// ask reads it; the configuration must pass its check for that.
func (t *Apache) ask(ctx context.Context) (instance, error) {
	r := run(ctx, t.command("-t", "-D", "DUMP_RUN_CFG"), t.timeout)
	if !r.ok() {
		return instance{}, r
	}
	m := dumpedPIDFile.FindStringSubmatch(r.output)
	if m == nil {
		return instance{}, fmt.Errorf("%s does not tell the PidFile: %s", quoteArgs(r.argv), shorten(r.output, maxQuoted))
	}
	in := instance{pidFile: m[1]}
	if m := dumpedErrorLog.FindStringSubmatch(r.output); m != nil {
		in.errorLog = m[1]
	}
	return in, nil
}

func (t *Apache) runs(ctx context.Context) bool {
	in, err := t.ask(ctx)
	return err == nil && processOf(in.pidFile).alive()
}

// graceful reloads Apache. It writes its pid file anew once it has taken up the
// new configuration; at one it cannot use it ends.
func (t *Apache) graceful(ctx context.Context) error {
	in, err := t.ask(ctx)
	if err != nil {
		return err
	}
	was, log := processOf(in.pidFile), markLog(in.errorLog)
	if !was.alive() {
		return fmt.Errorf("%w: %s names no living process; start Apache", errDown, in.pidFile)
	}
	if r := run(ctx, t.command("-k", "graceful"), t.timeout); !r.ok() {
		return r
	}
	return await(ctx, t.timeout, func() (bool, error) {
		switch now := processOf(in.pidFile); {
		case !was.alive() && !now.alive():
			return false, fmt.Errorf("%w, although it passed its own check: %s", errDied, log.since())
		case now.alive() && !now.same(was):
			return true, nil
		}
		return false, nil
	}, fmt.Sprintf("Apache (process %d) was told to reload and did not; it may hang, or %s is not its pid file", was.pid, in.pidFile))
}

// startAgain starts an Apache that ended, and waits until it runs.
func (t *Apache) startAgain(ctx context.Context) error {
	in, err := t.ask(ctx)
	if err != nil {
		return err
	}
	if err := processOf(in.pidFile).forget(in.pidFile); err != nil {
		return err
	}
	argv := t.options.Start
	if len(argv) == 0 {
		argv = t.command("-k", "start")
	}
	log := markLog(in.errorLog)
	if r := run(ctx, argv, t.timeout); !r.ok() {
		return fmt.Errorf("%w: %s", r, log.since())
	}
	return await(ctx, t.timeout, func() (bool, error) { return processOf(in.pidFile).alive(), nil },
		quoteArgs(argv)+" succeeded, but no process came up")
}

// await asks until the answer is yes or the time is up, which is an error with the text late.
func await(ctx context.Context, timeout time.Duration, done func() (bool, error), late string) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	tick := time.NewTicker(lockPoll)
	defer tick.Stop()
	for {
		if ok, err := done(); ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s (waited %s)", late, timeout)
		case <-tick.C:
		}
	}
}
