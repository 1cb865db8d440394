package target

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

const (
	// killAfter is how long a command on the host may take to end by itself once
	// its time is over; overdue is how much longer its word is waited for.
	killAfter = 2 * time.Second
	overdue   = 20 * time.Second
	// What timeout(1) exits with when it ended a command, gently or not.
	exitTimeout = 124
	exitKilled  = 128 + 9
)

// run runs argv on the host with nothing but PATH and LANG set, and no longer
// than timeout: timeout(1) there ends it with its children, also when we have
// gone. When ctx ends it is not waited for any longer.
func (r *remote) run(ctx context.Context, argv []string, timeout time.Duration) result {
	return r.heard(ctx, argv, timeout, pipeGrace)
}

// ask runs a command of ours, which leaves nothing running that could hold its
// output open: all that it says is waited for.
func (r *remote) ask(ctx context.Context, argv []string) result {
	return r.heard(ctx, argv, defaultTimeout, overdue)
}

// heard runs a command and listens to its output for a while after its end.
func (r *remote) heard(ctx context.Context, argv []string, timeout, grace time.Duration) result {
	res := result{argv: argv, exitCode: -1}
	seconds := strconv.Itoa(int(math.Ceil(timeout.Seconds())))
	bounded, cancel := context.WithTimeout(ctx, timeout+killAfter+overdue)
	defer cancel()
	s, err := r.start(bounded, script(append([]string{"timeout", "-k", fmt.Sprint(int(killAfter.Seconds())), seconds}, argv...))+" </dev/null", true)
	if err != nil {
		res.err = r.explain(fmt.Errorf("start it on %s: %w", r.options.Host, err))
		return res
	}
	defer s.Close()
	res.exitCode, res.err = s.wait(bounded, grace)
	res.output = s.out.text()
	switch {
	case res.err != nil:
		res.err = r.explain(res.err)
	case res.exitCode == exitTimeout, res.exitCode == exitKilled:
		res.killed, res.err = timeout, fmt.Errorf("exit status %d", res.exitCode)
	case res.exitCode != 0:
		res.err = fmt.Errorf("exit status %d on %s", res.exitCode, r.options.Host)
	}
	return res
}

// script is what /bin/sh on the host reads to become argv: every word quoted,
// with PATH and LANG as they are here, whatever the user's shell is.
func script(argv []string) string {
	words := make([]string, len(argv))
	for i, w := range argv {
		words[i] = quote(w)
	}
	return "cd / && PATH=" + searchPath + " LANG=C && export PATH LANG && exec " + strings.Join(words, " ")
}

// quote makes one word of any text: between single quotes nothing means
// anything to a POSIX shell but the closing one (XCU 2.2.2).
func quote(word string) string { return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'" }

var errNoStatus = errors.New("it ended without an exit status")

// session is a command on the host. x/crypto's own waits until everybody has
// closed its output, which a server that was started by a reload never does.
type session struct {
	channel ssh.Channel
	out     *output
	once    sync.Once
	status  chan int      // closed without a value when it ended without one
	spoke   chan struct{} // closed by its first byte of output
	copied  chan struct{}
}

// start has /bin/sh read a script from its standard input, so that the user's
// login shell sees no word of it. The input is closed then, if asked for.
func (r *remote) start(ctx context.Context, script string, closeInput bool) (*session, error) {
	ch, requests, err := r.client.OpenChannel("session", nil)
	if err != nil {
		return nil, err
	}
	s := &session{channel: ch, out: &output{}, status: make(chan int, 1), spoke: make(chan struct{}), copied: make(chan struct{})}
	go s.listen(requests)
	started := make(chan error, 1)
	go func() {
		ok, err := ch.SendRequest("exec", true, ssh.Marshal(struct{ Command string }{"/bin/sh"}))
		if err == nil && !ok {
			err = errors.New("the host runs no commands for this user")
		}
		if err == nil {
			_, err = io.WriteString(ch, script+"\n")
		}
		if err == nil && closeInput {
			err = ch.CloseWrite()
		}
		started <- err
	}()
	select {
	case err = <-started:
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, ignoreEOF(ch.Close()))
	}
	var both sync.WaitGroup
	// Their end is the channel's.
	both.Go(func() { _, _ = io.Copy(s, ch) })
	both.Go(func() { _, _ = io.Copy(s.out, ch.Stderr()) })
	go func() { both.Wait(); close(s.copied) }()
	return s, nil
}

// Write takes what the command prints on its standard output.
func (s *session) Write(p []byte) (int, error) {
	s.once.Do(func() { close(s.spoke) })
	return s.out.Write(p)
}

func (s *session) listen(requests <-chan *ssh.Request) {
	defer close(s.status)
	for req := range requests {
		if req.Type == "exit-status" && len(req.Payload) >= 4 {
			select {
			case s.status <- int(binary.BigEndian.Uint32(req.Payload)):
			default:
			}
		}
		if req.WantReply {
			if err := req.Reply(false, nil); err != nil {
				return
			}
		}
	}
}

// wait gives the exit status; what the command left running may hold its output
// open for as long as grace.
func (s *session) wait(ctx context.Context, grace time.Duration) (int, error) {
	select {
	case status, ok := <-s.status:
		if !ok {
			return -1, errNoStatus
		}
		select {
		case <-s.copied:
		case <-time.After(grace):
		}
		return status, nil
	case <-ctx.Done():
		return -1, fmt.Errorf("its end was not waited for: %w", context.Cause(ctx))
	}
}

// Close ends the session; that it has ended already is no error.
func (s *session) Close() error { return ignoreEOF(s.channel.Close()) }

func ignoreEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}
