package app

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/grpc"

	"github.com/neverlapse/neverlapse/internal/config"
	"github.com/neverlapse/neverlapse/internal/store"
	"github.com/neverlapse/neverlapse/workflows"
)

// neighbour is a worker as the server's list of pollers names it. Workers of one
// task queue take each other's work at any moment, so each has to reach what the
// others reach.
type neighbour struct {
	pid     int
	machine string
	// host is the name of the host, where machine is another; run tells processes
	// apart whose machine and PID are the same: those of containers. Older releases
	// name neither.
	host, run string
	store     string // empty: its name could not be found out
	patches   int    // its level
	// keys are the names of those that decrypt payloads, joined; use is the ID of
	// the one that encrypts, "=" and its name. Both may be empty.
	keys, use string
}

func (n neighbour) String() string {
	text := fmt.Sprintf("%d@%s store:%s patches:%d", n.pid, n.machine, n.store, n.patches)
	for _, more := range []struct{ what, text string }{{"host", n.host}, {"run", n.run}, {"keys", n.keys}, {"use", n.use}} {
		if more.text != "" {
			text += " " + more.what + ":" + more.text
		}
	}
	return text
}

// reads reports whether it can go on with what another encrypts.
func (n neighbour) reads(other neighbour) bool {
	_, name, encrypts := strings.Cut(other.use, "=")
	return !encrypts || slices.Contains(strings.Split(n.keys, ","), name)
}

// name is what people read of it.
func (n neighbour) name() string {
	text := fmt.Sprintf("%d@%s", n.pid, n.machine)
	if n.host != "" {
		text += " on " + n.host
	}
	if n.run != "" {
		text += " (run " + n.run + ")"
	}
	return text
}

// A later release may say more of itself.
var identity = regexp.MustCompile(`^(\d+)@(\S+) store:([0-9a-f]*) patches:(\d+)(?: (.*))?$`)

func parseNeighbour(text string) (n neighbour, ok bool) {
	m := identity.FindStringSubmatch(text)
	if m == nil {
		return n, false
	}
	_, err := fmt.Sscan(m[1]+" "+m[4], &n.pid, &n.patches)
	n.machine, n.store = m[2], m[3]
	for _, more := range strings.Fields(m[5]) {
		switch what, text, _ := strings.Cut(more, ":"); what {
		case "host":
			n.host = text
		case "run":
			n.run = text
		case "keys":
			n.keys = text
		case "use":
			n.use = text
		}
	}
	return n, err == nil
}

// process is this process, without what it has.
func process(c config.Config) (neighbour, error) {
	host, err := os.Hostname()
	if err != nil {
		return neighbour{}, err
	}
	word := func(text string) string { return strings.Join(strings.Fields(text), "-") }
	n := neighbour{pid: os.Getpid(), machine: word(cmp.Or(c.Temporal.Machine, host)), run: strings.ToLower(rand.Text()[:8]), patches: workflows.PatchLevel()}
	if word(host) != n.machine {
		n.host = word(host)
	}
	return n, nil
}

// nameStore puts the name of the store beside it. It follows from a secret that
// all who share the store have, and tells nothing of it.
func (n *neighbour) nameStore(ctx context.Context, s *store.Store) (err error) {
	n.store, err = nameOfStore(ctx, s.Secret)
	if err != nil && !store.KeyIsAway(err) {
		return fmt.Errorf("the name of the store: %w", err)
	}
	return nil
}

// pollsAs has whoever asks for tasks say who it is at the time: the SDK knows only
// who it was when it began.
func pollsAs(who func() string) grpc.UnaryClientInterceptor {
	return func(ctx context.Context, method string, in, out any, conn *grpc.ClientConn, next grpc.UnaryInvoker, opts ...grpc.CallOption) error {
		switch ask := in.(type) {
		case *workflowservice.PollWorkflowTaskQueueRequest:
			ask.Identity = who()
		case *workflowservice.PollActivityTaskQueueRequest:
			ask.Identity = who()
		}
		return next(ctx, method, in, out, conn, opts...)
	}
}

func nameOfStore(ctx context.Context, secret func(context.Context, string) ([]byte, error)) (string, error) {
	key, err := secret(ctx, store.NamePurpose)
	if err != nil {
		return "", err
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("name of the store"))
	return hex.EncodeToString(mac.Sum(nil)[:6]), nil
}

// pollerIsAlive is how long after its last poll a worker counts as running. A
// poll lasts a minute; the server lists those of the last five.
const pollerIsAlive = 75 * time.Second

// fitsNeighbours tells why this worker cannot share its task queue with those
// that poll it now.
func (a *App) fitsNeighbours(ctx context.Context) error {
	all, err := a.neighbours(ctx)
	if err != nil {
		return err
	}
	keys := a.parts.codec
	if wanted := a.inForce.keys(); wanted != nil {
		keys = wanted
	}
	return unfit(a.config, a.selfWith(keys), all)
}

// neighbours are the other workers that poll our task queue now.
func (a *App) neighbours(ctx context.Context) ([]neighbour, error) {
	all, err := pollersOf(ctx, a.client, a.config.Temporal.TaskQueue)
	return slices.DeleteFunc(all, func(n neighbour) bool { return n.run == a.self.run }), err
}

// localKinds are the kinds of targets that act on the worker's own machine.
var localKinds = []string{"apache", "file", "haproxy", "nginx"}

// unfit says what stands against working beside others.
func unfit(c config.Config, self neighbour, others []neighbour) error {
	var errs []error
	stores, machines := map[string]bool{}, map[string]bool{}
	for _, o := range others {
		if o.store != self.store && o.store != "" && self.store != "" && !stores[o.store] {
			stores[o.store] = true
			errs = append(errs, fmt.Errorf("store: the worker %s serves task queue %q too, and has another store: each would look in vain for what the other keeps; "+
				"give all of them one store, or this one another temporal.task_queue (a worker that was stopped is forgotten after %s)", o.name(), c.Temporal.TaskQueue, pollerIsAlive))
		}
		errs = append(errs, unreadable(self, o))
		if o.machine != self.machine && !machines[o.machine] {
			machines[o.machine] = true
			errs = append(errs, apart(c, self, o))
		}
	}
	return errors.Join(errs...)
}

// unreadable says which of two workers could not read what the other encrypts.
func unreadable(self, other neighbour) error {
	id := func(n neighbour) string { id, _, _ := strings.Cut(n.use, "="); return id }
	var errs []error
	if !other.reads(self) {
		errs = append(errs, fmt.Errorf("temporal.encryption.use: the worker %s serves this task queue too and has not this key %q, so it could not go on with what is encrypted here; "+
			"add the key to the keys of all workers before one uses it (a worker that was stopped is forgotten after %s)", other.name(), id(self), pollerIsAlive))
	}
	if !self.reads(other) {
		errs = append(errs, fmt.Errorf("temporal.encryption.keys: the worker %s serves this task queue too and encrypts with its key %q, which is not here; "+
			"add it, with the content that it has there (a worker that was stopped is forgotten after %s)", other.name(), id(other), pollerIsAlive))
	}
	return errors.Join(errs...)
}

// apart says what needs one machine where there are two.
func apart(c config.Config, self, other neighbour) error {
	var errs []error
	const cure = "or, where both see the same files, the same temporal.machine"
	for i, t := range c.Targets {
		if slices.Contains(localKinds, t.Kind) {
			errs = append(errs, fmt.Errorf("targets[%d]: %s is on this machine, %s, and the worker on %s serves task queue %q too and would install there what belongs here; "+
				"give this target to a host with a worker of its own (docs/hosts.md), %s", i, t.Name, self.machine, other.machine, c.Temporal.TaskQueue, cure))
		}
	}
	for i, ca := range c.CAs {
		switch {
		case ca.Options["challenge"] == "webroot":
			errs = append(errs, fmt.Errorf("cas[%d].options.webroot: this folder is on this machine, %s, and the worker on %s would write its answers there; "+
				"share the folder, and give both %s", i, self.machine, other.machine, strings.TrimPrefix(cure, "or, where both see the same files, ")))
		case ca.Kind == "acme" && len(c.ACMEHTTP.Peers) == 0 && c.ACMEHTTP.Listen != "" && (ca.Options["challenge"] == nil || ca.Options["challenge"] == "http-01"):
			errs = append(errs, fmt.Errorf("acme_http.peers: is empty, and the worker on %s serves task queue %q too: the CA %s could ask one of them for a challenge of the other; "+
				"write the acme_http listeners of all workers", other.machine, c.Temporal.TaskQueue, ca.Name))
		}
	}
	return errors.Join(errs...)
}
