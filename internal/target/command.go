package target

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/neverlapse/neverlapse/internal/sshhost"
)

// searchPath is where programs are looked for, and the PATH they see. It is
// fixed so that a command means the same whoever started the worker.
const searchPath = sshhost.SearchPath

// pipeGrace is how long a child left behind may keep our pipe open.
const pipeGrace = 2 * time.Second

// result is how a command ended.
type result struct {
	argv     []string
	err      error         // nil: it ran and exited with 0
	killed   time.Duration // the timeout after which it was killed; 0: it was not
	exitCode int           // -1 when it did not exit by itself
	output   string        // stdout and stderr as they came, bounded and printable
}

func (r result) ok() bool { return r.err == nil }

// Error gives the command, how it ended, and its exact words.
func (r result) Error() string {
	how := r.err.Error()
	if r.killed > 0 {
		how = fmt.Sprintf("killed with its children after %s; if it needs longer, raise timeout", r.killed)
	}
	if r.output == "" {
		return fmt.Sprintf("%s: %s; it printed nothing", quoteArgs(r.argv), how)
	}
	return fmt.Sprintf("%s: %s: %s", quoteArgs(r.argv), how, shorten(r.output, maxQuoted))
}

// Unwrap gives the cause.
func (r result) Unwrap() error { return r.err }

// command is a program of this machine and how it is run.
type command struct {
	argv    []string
	timeout time.Duration
	// grace lies between SIGTERM and SIGKILL when the time is over; 0: SIGKILL at once.
	grace  time.Duration
	env    []string  // beside PATH, LANG and HOME
	stdout io.Writer // nil: kept together with stderr
}

// run is a command that is killed at once when its time is over.
func run(ctx context.Context, argv []string, timeout time.Duration) result {
	return command{argv: argv, timeout: timeout}.run(ctx)
}

// run starts the program without a shell, with nothing inherited but what it
// names here, and waits for it. Its whole process group is ended when the timeout
// or ctx ends; a child that detached and holds the pipe is not waited for.
func (c command) run(ctx context.Context) result {
	r := result{argv: c.argv, exitCode: -1}
	program, err := findProgram(c.argv[0])
	if err != nil {
		r.err = err
		return r
	}
	bounded, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	var out output
	cmd := exec.CommandContext(bounded, program, c.argv[1:]...)
	cmd.Args[0] = c.argv[0]
	cmd.Dir = "/"
	cmd.Env = append([]string{"PATH=" + searchPath, "LANG=C", "HOME=/"}, c.env...)
	cmd.Stdout, cmd.Stderr = &out, &out
	if c.stdout != nil {
		cmd.Stdout = c.stdout
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	end := func(s syscall.Signal) error { return syscall.Kill(-cmd.Process.Pid, s) }
	var last *time.Timer
	cmd.Cancel = func() error {
		if c.grace == 0 {
			return end(syscall.SIGKILL)
		}
		last = time.AfterFunc(c.grace, func() { _ = end(syscall.SIGKILL) })
		return end(syscall.SIGTERM)
	}
	cmd.WaitDelay = c.grace + pipeGrace
	err = cmd.Run()
	if last != nil && last.Stop() {
		_ = end(syscall.SIGKILL) // children that outlived it; mostly there are none
	}
	r.output = out.text()
	if cmd.ProcessState != nil {
		r.exitCode = cmd.ProcessState.ExitCode()
	}
	// A reload command may leave a server behind that holds its output.
	if errors.Is(err, exec.ErrWaitDelay) && r.exitCode == 0 {
		err = nil
	}
	if err != nil && bounded.Err() != nil && ctx.Err() == nil {
		r.killed = c.timeout
	}
	r.err = err
	return r
}

// findProgram gives the path of an absolute or bare program name.
func findProgram(name string) (string, error) {
	if filepath.IsAbs(name) {
		if err := executable(name); err != nil {
			return "", fmt.Errorf("program %q cannot be run: %w", name, err)
		}
		return name, nil
	}
	if strings.ContainsRune(name, '/') {
		return "", fmt.Errorf("program %q: give an absolute path or a bare name", name)
	}
	for _, dir := range filepath.SplitList(searchPath) {
		if p := filepath.Join(dir, name); executable(p) == nil {
			return p, nil
		}
	}
	return "", fmt.Errorf("program %q is not in %s; install it or give its absolute path", name, searchPath)
}

func executable(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if info.IsDir() || info.Mode()&0o111 == 0 {
		return errors.New("it is not an executable file")
	}
	return nil
}

func quoteArgs(argv []string) string {
	out := make([]string, len(argv))
	for i, a := range argv {
		out[i] = a
		if a == "" || printable(a) != a || strings.ContainsAny(a, " \t\n\"'\\") {
			out[i] = fmt.Sprintf("%q", a)
		}
	}
	return strings.Join(out, " ")
}
