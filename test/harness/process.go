package harness

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Process is a program of ours, run as a user would.
type Process struct {
	Args []string
	Env  []string
	Log  string // file that takes stdout and stderr, appended

	cmd  *exec.Cmd
	done chan struct{}
}

// Start starts it, again after it ended.
func (p *Process) Start() error {
	f, err := os.OpenFile(p.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	cmd := exec.Command(p.Args[0], p.Args[1:]...)
	cmd.Env, cmd.Stdout, cmd.Stderr = p.Env, f, f
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	started := make(chan error, 1)
	done := make(chan struct{})
	go func() {
		// Pdeathsig follows the thread that started the child, so it must live as long.
		lockThread(func() {
			err := cmd.Start()
			started <- err
			if err == nil {
				_ = cmd.Wait()
			}
			close(done)
		})
	}()
	if err := <-started; err != nil {
		return err
	}
	p.cmd, p.done = cmd, done
	return nil
}

// PID is that of the running process, 0 if it is not running.
func (p *Process) PID() int {
	if !p.Running() {
		return 0
	}
	return p.cmd.Process.Pid
}

// Running reports whether it has not ended.
func (p *Process) Running() bool {
	if p.cmd == nil {
		return false
	}
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// Kill ends it as a crash does, and waits until it is gone.
func (p *Process) Kill() {
	if p.Running() {
		_ = p.cmd.Process.Kill()
		<-p.done
	}
}

// Stop asks it to end, and makes sure after a while.
func (p *Process) Stop() {
	if !p.Running() {
		return
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(20 * time.Second):
		p.Kill()
	}
}

// Output gives the log so far.
func (p *Process) Output() string {
	b, err := os.ReadFile(p.Log)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// WaitFor polls until the condition holds, or gives an error that says what was
// waited for when ctx ends.
func WaitFor(ctx context.Context, what string, cond func() (bool, error)) error {
	var last error
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		ok, err := cond()
		if ok {
			return nil
		}
		if err == nil || ctx.Err() == nil { // what the end of ctx cut short says nothing
			last = err
		}
		select {
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("waited for %s", what), last, ctx.Err())
		case <-tick.C:
		}
	}
}

// Binaries are the programs under test.
type Binaries struct{ Worker, CLI string }

// Build compiles worker and CLI into dir, without -race.
func Build(ctx context.Context, root, dir string) (Binaries, error) {
	b := Binaries{Worker: filepath.Join(dir, "neverlapse-worker"), CLI: filepath.Join(dir, "neverlapse")}
	for pkg, out := range map[string]string{"./worker": b.Worker, "./starter": b.CLI} {
		cmd := exec.CommandContext(ctx, "go", "build", "-o", out, pkg)
		cmd.Dir = root
		if text, err := cmd.CombinedOutput(); err != nil {
			return b, fmt.Errorf("go build %s: %w\n%s", pkg, err, text)
		}
	}
	return b, nil
}

// Root is the folder of the module.
func Root() (string, error) {
	out, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return "", err
	}
	return filepath.Dir(strings.TrimSpace(string(out))), nil
}
