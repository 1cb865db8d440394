package dnsprovider

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/go-acme/lego/v4/challenge/dns01"
	"github.com/go-acme/lego/v4/platform/config/env"
)

// program runs the user's own program as lego's provider exec does:
//
//	PROGRAM present|cleanup FQDN VALUE
//	PROGRAM present|cleanup -- NAME TOKEN ANSWER    with EXEC_MODE=RAW
//
// Unlike lego it gives the program no environment but PATH, HOME, LANG and the
// EXEC_... variables, for the worker's may hold secrets, and bounds its time.
type program struct {
	path, mode        string
	timeout, interval time.Duration
	env               []string
}

const (
	programLimit = time.Minute
	maxOutput    = 2000 // bytes of it that an error repeats
)

func newProgram() (*program, error) {
	p := &program{
		path: os.Getenv("EXEC_PATH"), mode: os.Getenv("EXEC_MODE"),
		timeout:  env.GetOrDefaultSecond("EXEC_PROPAGATION_TIMEOUT", dns01.DefaultPropagationTimeout),
		interval: env.GetOrDefaultSecond("EXEC_POLLING_INTERVAL", dns01.DefaultPollingInterval),
	}
	if !filepath.IsAbs(p.path) {
		return nil, fmt.Errorf("exec: EXEC_PATH: %q is not an absolute path; write that of the program to run", p.path)
	}
	for _, pair := range os.Environ() {
		switch name, _, _ := strings.Cut(pair, "="); {
		case name == "PATH", name == "HOME", name == "LANG", strings.HasPrefix(name, "EXEC_"):
			p.env = append(p.env, pair)
		}
	}
	return p, nil
}

// Present makes the record.
func (p *program) Present(domain, token, keyAuth string) error {
	return p.run("present", domain, token, keyAuth)
}

// CleanUp removes it.
func (p *program) CleanUp(domain, token, keyAuth string) error {
	return p.run("cleanup", domain, token, keyAuth)
}

// Timeout says how long to wait for the record to be seen, and between looks.
func (p *program) Timeout() (timeout, interval time.Duration) { return p.timeout, p.interval }

// Sequential tells that nothing is known of what the program does to the others' records.
func (p *program) Sequential() time.Duration { return 0 }

func (p *program) run(verb, domain, token, keyAuth string) error {
	args := []string{verb, "--", domain, token, keyAuth}
	if p.mode != "RAW" {
		info := dns01.GetChallengeInfo(domain, keyAuth)
		args = []string{verb, info.EffectiveFQDN, info.Value}
	}
	ctx, cancel := context.WithTimeout(context.Background(), programLimit)
	defer cancel()
	out := &limited{}
	cmd := exec.CommandContext(ctx, p.path, args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = p.env, out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 2 * time.Second
	err := cmd.Run()
	if ctx.Err() != nil {
		err = errors.Join(fmt.Errorf("it did not end within %s", programLimit), err)
	}
	if err != nil {
		return fmt.Errorf("exec: %s %s: %w: %s", p.path, verb, err, strings.TrimSpace(out.String()))
	}
	return nil
}

// limited keeps the beginning of what is written.
type limited struct{ bytes.Buffer }

func (l *limited) Write(b []byte) (int, error) {
	if room := maxOutput - l.Len(); room > 0 {
		l.Buffer.Write(b[:min(room, len(b))])
	}
	return len(b), nil
}
