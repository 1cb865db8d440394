// Package engine finds the embedded Temporal server, starts it as a child process and keeps it running, for development and for small
// fleets on one machine.
//
// App calls it when the configuration names no Temporal address. The child is neverlapse-engine (deploy/engine) or the `temporal` CLI;
// both take the argv of `temporal server start-dev`. One data directory belongs to one running worker: a kernel lock, which the child
// inherits, keeps a second one out until both are gone.
//
// It does not run workflows, does not migrate databases and does not authenticate anyone: the server listens on the loopback address
// unless Options say otherwise.
package engine

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// Engine is a server that is kept running.
type Engine struct {
	options  Options
	binary   string
	database string
	lock     *os.File
	ready    chan struct{} // closed once the server has answered
	done     chan struct{} // closed once the child is gone for good

	mu       sync.Mutex
	stopping chan struct{} // closed by the first Stop
	child    *exec.Cmd     // nil while none runs
}

// Start starts the server and returns once it answers. The context bounds the start only; the server runs until Stop.
func Start(ctx context.Context, o Options) (_ *Engine, err error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	if o, err = o.withDefaults(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, o.StartTimeout)
	defer cancel()

	e := &Engine{ready: make(chan struct{}), done: make(chan struct{}), stopping: make(chan struct{})}
	if e.binary, err = findBinary(o.Binary); err != nil {
		return nil, err
	}
	version, err := serverVersion(ctx, e.binary)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(o.DataDir, 0o700); err != nil {
		return nil, fmt.Errorf("engine: data directory: %w", err)
	}
	if e.lock, err = acquireLock(ctx, o.DataDir); err != nil {
		return nil, err
	}
	if e.database, err = databaseFile(o.DataDir, version); err == nil {
		e.options, err = choosePorts(o)
	}
	if err == nil {
		err = rotate(o.LogFile, logLimit)
	}
	if err != nil {
		return nil, errors.Join(err, e.lock.Close())
	}
	logged, died := logSize(o.LogFile), make(chan error, 1)
	go e.supervise(died)
	if err := e.awaitReady(ctx, died); err != nil {
		err = fmt.Errorf("engine: %s %w; it said:\n%s", e.binary, err, tail(o.LogFile, logged))
		return nil, errors.Join(err, e.Stop(context.WithoutCancel(ctx)))
	}
	close(e.ready)
	return e, nil
}

// Address is the host:port of the gRPC front end.
func (e *Engine) Address() string { return hostPort(dialIP(e.options.IP), e.options.Port) }

// UIURL is the address of the Web UI, empty when there is none.
func (e *Engine) UIURL() string {
	if e.options.Headless {
		return ""
	}
	return "http://" + hostPort(dialIP(e.options.IP), e.options.UIPort)
}

// PID is the process id of the server, 0 while none runs.
func (e *Engine) PID() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.child == nil {
		return 0
	}
	return e.child.Process.Pid
}

// Done is closed when the server has ended and will not be started again.
func (e *Engine) Done() <-chan struct{} { return e.done }

// stopTimeout is how long a server may take to stop by itself. It keeps its data either way.
const stopTimeout = 15 * time.Second

// Stop ends the server: asked to at first, killed when ctx ends or after 15 s. When it returns no process is left.
func (e *Engine) Stop(ctx context.Context) error {
	e.mu.Lock()
	select {
	case <-e.stopping:
	default:
		close(e.stopping)
	}
	e.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, stopTimeout)
	defer cancel()
	e.signal(syscall.SIGTERM)
	select {
	case <-e.done:
		return nil
	case <-ctx.Done():
	}
	e.signal(syscall.SIGKILL)
	<-e.done
	return fmt.Errorf("engine: did not stop by itself and was killed: %w", ctx.Err())
}

// signal reaches the child's whole process group.
func (e *Engine) signal(s syscall.Signal) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.child == nil {
		return
	}
	if err := syscall.Kill(-e.child.Process.Pid, s); err != nil && !errors.Is(err, syscall.ESRCH) {
		e.options.Logger.Warn("engine: signal not delivered", "signal", s.String(), "error", err)
	}
}

// dialIP is where to reach a server that listens on ip.
func dialIP(ip string) string {
	switch parsed := net.ParseIP(ip); {
	case parsed.Equal(net.IPv4zero):
		return "127.0.0.1"
	case parsed.Equal(net.IPv6unspecified):
		return "::1"
	}
	return ip
}

func hostPort(ip string, port int) string { return net.JoinHostPort(ip, strconv.Itoa(port)) }
