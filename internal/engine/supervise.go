package engine

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"time"
)

const (
	firstDelay = 100 * time.Millisecond
	lastDelay  = 15 * time.Second
	settled    = time.Minute // a child that lived this long starts the delays anew
)

var errStopped = errors.New("stopped")

// supervise runs one child after another until Stop. A child that ends before the server ever answered ends it too and is told to died.
func (e *Engine) supervise(died chan<- error) {
	// The kernel signals the child when the thread that started it ends, so this goroutine keeps its thread until it returns.
	runtime.LockOSThread()
	defer close(e.done)
	defer e.lock.Close()
	go e.tendLog()

	delay := firstDelay
	for {
		began := time.Now()
		err := e.runChild()
		select {
		case <-e.stopping:
			return
		default:
		}
		select {
		case <-e.ready:
		default:
			died <- err
			return
		}
		if time.Since(began) > settled {
			delay = firstDelay
		}
		e.options.Logger.Error("engine: the Temporal server ended; starting it again", "error", err, "delay", delay, "log", e.options.LogFile)
		select {
		case <-e.stopping:
			return
		case <-time.After(delay):
		}
		delay = min(2*delay, lastDelay)
	}
}

// runChild starts the child and waits for its end.
func (e *Engine) runChild() error {
	log, err := os.OpenFile(e.options.LogFile, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("log file: %w", err)
	}
	defer log.Close()
	cmd := exec.Command(e.binary, e.argv()...)
	cmd.Dir = e.options.DataDir
	cmd.Env = environment()
	cmd.Stdout, cmd.Stderr = log, log
	cmd.ExtraFiles = []*os.File{e.lock} // held until the child is gone, whatever becomes of us
	cmd.SysProcAttr = childAttributes()

	if err := e.startChild(cmd); err != nil {
		return err
	}
	err = cmd.Wait()
	e.mu.Lock()
	e.child = nil
	e.mu.Unlock()
	if err == nil {
		return errors.New("exit status 0")
	}
	return err
}

// startChild holds the mutex, so that Stop finds either no child to come or one to signal.
func (e *Engine) startChild(cmd *exec.Cmd) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	select {
	case <-e.stopping:
		return errStopped
	default:
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	e.child = cmd
	if err := e.writeRecord(cmd.Process.Pid); err != nil {
		e.options.Logger.Warn("engine: the ports are not recorded; the next start may use others", "error", err)
	}
	e.options.Logger.Info("engine: Temporal server started", "pid", cmd.Process.Pid, "address", e.Address(), "ui", e.UIURL())
	return nil
}

// argv is understood by neverlapse-engine and by the temporal CLI alike, so it spells out what the former presets.
func (e *Engine) argv() []string {
	o := e.options
	args := []string{
		"server", "start-dev",
		"--ip", o.IP, "--port", fmt.Sprint(o.Port), "--namespace", o.Namespace, "--db-filename", e.database,
		"--sqlite-pragma", "journal_mode=WAL", "--sqlite-pragma", "synchronous=NORMAL",
		"--dynamic-config-value", "frontend.enableServerVersionCheck=false",
		"--dynamic-config-value", "frontend.namespaceRPS.visibility=1000",
		"--log-level", "error",
	}
	attributes := SearchAttributes()
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		args = append(args, "--search-attribute", name+"="+attributes[name].String())
	}
	if o.Headless {
		return append(args, "--headless")
	}
	return append(args, "--ui-ip", o.IP, "--ui-port", fmt.Sprint(o.UIPort))
}

// environment passes on what a server needs and none of the worker's secrets.
func environment() []string {
	env := []string{"TEMPORAL_VERSION_CHECK_DISABLED=1"}
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "TZ"} {
		if v, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+v)
		}
	}
	return env
}
