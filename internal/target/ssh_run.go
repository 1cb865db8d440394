package target

import (
	"bytes"
	"context"
	"crypto/rand"
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

	"github.com/neverlapse/neverlapse/internal/sshhost"
)

const (
	// killAfter is how long a command on the host may take to end by itself once
	// its time is over; overdue is how much longer its word is waited for.
	killAfter = 2 * time.Second
	overdue   = 20 * time.Second
	// maxPreamble bounds what is kept of what a login shell says before the command.
	maxPreamble = 16 << 10
	// What timeout(1) exits with when it ended a command, gently or not.
	exitTimeout = 124
	exitKilled  = 128 + 9
)

// run runs argv on the host with nothing but PATH and LANG set, and no longer
// than timeout: timeout(1) there ends it with its children, also when we have
// gone. When ctx ends it is not waited for any longer.
func (r *remote) run(ctx context.Context, argv []string, timeout time.Duration) result {
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
	res.exitCode, res.err = s.wait(bounded)
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
		words[i] = sshhost.Quote(w)
	}
	return "cd / && PATH=" + sshhost.SearchPath + " LANG=C && export PATH LANG && exec " + strings.Join(words, " ")
}

var errNoStatus = errors.New("it ended without an exit status")

// session is a command on the host. x/crypto's own waits until everybody has
// closed its output, which a server that was started by a reload never does.
type session struct {
	channel ssh.Channel
	out     *output
	once    sync.Once
	status  chan int      // closed without a value when it ended without one
	spoke   chan struct{} // closed by its first byte of output
	mark    string        // what the command's own output begins after
	copied  chan struct{}
}

// start has /bin/sh read a script from its standard input, so that the user's
// login shell sees no word of it. The input is closed then, if asked for.
func (r *remote) start(ctx context.Context, script string, closeInput bool) (*session, error) {
	ch, requests, err := r.conn.OpenChannel("session", nil)
	if err != nil {
		return nil, err
	}
	s := &session{channel: ch, out: &output{}, status: make(chan int, 1), spoke: make(chan struct{}), copied: make(chan struct{}), mark: rand.Text()}
	go s.listen(requests)
	started := make(chan error, 1)
	go func() {
		ok, err := ch.SendRequest("exec", true, ssh.Marshal(struct{ Command string }{"/bin/sh"}))
		if err == nil && !ok {
			err = errors.New("the host runs no commands for this user")
		}
		if err == nil {
			_, err = io.WriteString(ch, "echo "+s.mark+"; echo "+s.mark+" >&2\n"+script+"\n")
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
	both.Go(func() { s.copy(s, ch) })
	both.Go(func() { s.copy(s.out, ch.Stderr()) })
	go func() { both.Wait(); close(s.copied) }()
	return s, nil
}

// copy takes what comes after the mark: before it speak the files that a login
// shell reads (.bashrc), whose words would be taken for those of the command. Where
// no mark comes, the shell did not get so far, and what it said tells why.
func (s *session) copy(to io.Writer, from io.Reader) {
	head, mark := make([]byte, 0, maxPreamble), []byte(s.mark+"\n")
	part := make([]byte, 4096)
	for {
		n, err := from.Read(part)
		head = append(head, part[:n]...)
		if _, rest, found := bytes.Cut(head, mark); found {
			if len(rest) > 0 {
				_, _ = to.Write(rest) // it keeps what it is given
			}
			_, _ = io.Copy(to, from)
			return
		}
		if over := len(head) - maxPreamble; over > 0 {
			head = append(head[:0], head[over:]...)
		}
		if err != nil {
			_, _ = s.out.Write(head)
			return
		}
	}
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
// for a little longer only.
func (s *session) wait(ctx context.Context) (int, error) {
	select {
	case status, ok := <-s.status:
		if !ok {
			return -1, errNoStatus
		}
		select {
		case <-s.copied:
		case <-time.After(pipeGrace):
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
