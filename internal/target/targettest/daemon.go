package targettest

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// daemon is a server that runs in the foreground as our child. Its methods may
// be called from several goroutines but for Start, Stop and Kill, which take turns.
type daemon struct {
	Addresses []string // 127.0.0.1:port of each server
	argv      []string

	mu     sync.Mutex
	cmd    *exec.Cmd
	exited chan struct{}
	stderr *lockedBuffer
}

// startDeadline bounds waiting for a server to accept connections.
const startDeadline = 30 * time.Second

// find gives the path of a program; an error tells how to install it.
func find(program, pkg string, places ...string) (string, error) {
	for _, p := range places {
		if _, err := os.Stat(p); err == nil {
			return p, nil
		}
	}
	if p, err := exec.LookPath(program); err == nil {
		return filepath.Abs(p)
	}
	return "", fmt.Errorf("%s is not installed: apt-get install -y --no-install-recommends %s", program, pkg)
}

// boot configures the server, which chooses its ports, and starts it. A free
// port may be taken before the server binds it; others are chosen then.
func (d *daemon) boot(configure func() error) (err error) {
	for range 3 {
		if err = configure(); err != nil {
			return err
		}
		if err = d.Start(); err == nil || !strings.Contains(err.Error(), "ddress already in use") && !strings.Contains(err.Error(), "cannot bind socket") {
			return err
		}
	}
	return err
}

// Start starts it again after Stop or Kill, on the same ports, and waits until
// every port accepts connections.
func (d *daemon) Start() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stderr = &lockedBuffer{}
	d.cmd = exec.Command(d.argv[0], d.argv[1:]...)
	d.cmd.Stdout, d.cmd.Stderr = d.stderr, d.stderr
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := d.cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", d.argv[0], err)
	}
	exited := make(chan struct{})
	d.exited = exited
	go func(cmd *exec.Cmd) {
		_ = cmd.Wait() // how it ended is in its output
		close(exited)
	}(d.cmd)
	deadline := time.After(startDeadline)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !d.accepting() {
		select {
		case <-exited:
			return fmt.Errorf("%s ended at once: %s", d.argv[0], d.stderr.String())
		case <-deadline:
			return errors.Join(fmt.Errorf("%s accepts no connections after %s", d.argv[0], startDeadline), d.kill())
		case <-tick.C:
		}
	}
	return nil
}

func (d *daemon) accepting() bool {
	for _, a := range d.Addresses {
		c, err := net.DialTimeout("tcp", a, time.Second)
		if err != nil {
			return false
		}
		_ = c.Close()
	}
	return true
}

// PID is that of the master process.
func (d *daemon) PID() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.cmd.Process.Pid
}

// Signal sends a signal to the master process alone.
func (d *daemon) Signal(sig syscall.Signal) error { return syscall.Kill(d.PID(), sig) }

// Stop lets it finish, then makes sure that nothing of it is left.
func (d *daemon) Stop() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, sig := range []syscall.Signal{syscall.SIGCONT, syscall.SIGTERM} {
		_ = syscall.Kill(d.cmd.Process.Pid, sig) // it may have ended already
	}
	select {
	case <-d.exited:
	case <-time.After(5 * time.Second):
	}
	return d.kill()
}

// Kill ends master and workers at once, as a crash does; the pid file stays.
func (d *daemon) Kill() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.kill()
}

func (d *daemon) kill() error {
	err := syscall.Kill(-d.cmd.Process.Pid, syscall.SIGKILL)
	<-d.exited
	if err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("kill %s: %w", d.argv[0], err)
	}
	return nil
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
