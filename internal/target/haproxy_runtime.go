package target

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/neverlapse/neverlapse/internal/cert"
)

// runtime speaks HAProxy's runtime API (management guide, 9.3): one command a
// connection, answers in prose without a status.
type runtime struct {
	socket  string
	timeout time.Duration // for one command
}

const (
	maxAnswer = 1 << 20
	// transactionWait is how long somebody else's upload may stay uncommitted
	// before it counts as left behind.
	transactionWait = 3 * time.Second
)

// sayable are the names of files that stay one word of a command.
var sayable = regexp.MustCompile(`^/[A-Za-z0-9._/@+=:-]+$`)

// say sends one command and gives the whole answer.
func (r runtime) say(ctx context.Context, command string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", r.socket)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return "", fmt.Errorf("%w: nobody listens on its socket: %w", errDown, err)
	case err != nil:
		return "", fmt.Errorf("HAProxy's socket: %w", err)
	}
	defer conn.Close()
	deadline, _ := ctx.Deadline()
	if err := conn.SetDeadline(deadline); err != nil {
		return "", err
	}
	_, wrote := io.WriteString(conn, command) // an answer may tell why not all of it was taken
	if half, ok := conn.(*net.UnixConn); ok && wrote == nil {
		wrote = half.CloseWrite() // a master goes on listening without that
	}
	answer, read := io.ReadAll(io.LimitReader(conn, maxAnswer))
	if len(answer) == 0 && (wrote != nil || read != nil) {
		return "", fmt.Errorf("HAProxy's socket %s: %w", r.socket, errors.Join(wrote, read))
	}
	return string(answer), nil
}

// certificates lists the files that the running process has loaded.
func (r runtime) certificates(ctx context.Context) ([]string, error) {
	names, _, err := r.list(ctx)
	return names, err
}

// list gives the loaded files, and the one about which a transaction is open.
func (r runtime) list(ctx context.Context) (names []string, pending string, err error) {
	answer, err := r.say(ctx, "show ssl cert\n")
	if err != nil {
		return nil, "", err
	}
	if !strings.Contains(answer, "# filename") {
		return nil, "", fmt.Errorf("HAProxy does not list its certificates; has the socket level admin? It said: %s", quoted(answer))
	}
	for line := range strings.Lines(answer) {
		line = strings.TrimRight(line, "\r\n")
		if rest, ok := strings.CutPrefix(line, "*"); ok {
			pending = rest
		} else if line != "" && line[0] != '#' {
			names = append(names, line)
		}
	}
	return names, pending, nil
}

// replace uploads a pair for one file and commits it.
func (r runtime) replace(ctx context.Context, name, payload string) error {
	if !sayable.MatchString(name) {
		return fmt.Errorf("HAProxy calls the file %q, which cannot be said in a command; rename it", name)
	}
	if err := r.clear(ctx); err != nil {
		return err
	}
	answer, err := r.say(ctx, "set ssl cert "+name+" <<\n"+payload+"\n")
	if err != nil || !strings.Contains(answer, " for certificate "+name+"!") {
		r.abort(ctx, name, answer)
		if strings.TrimSpace(answer) == "" && (err == nil || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)) {
			return fmt.Errorf("%w: it took no upload of %d bytes for %s; tune.bufsize may be too small", errNotByRuntime, len(payload), name)
		}
		return refusal("set", answer, err)
	}
	answer, err = r.say(ctx, "commit ssl cert "+name+"\n")
	if err != nil || !strings.Contains(answer, "Success!") {
		r.abort(ctx, name, "")
		return refusal("commit", answer, err)
	}
	return nil
}

func refusal(verb, answer string, err error) error {
	if err != nil {
		return fmt.Errorf("%s ssl cert: %w", verb, err)
	}
	return fmt.Errorf("HAProxy refuses the pair (%s ssl cert): %s", verb, quoted(answer))
}

// clear waits for a transaction to end that is open, and aborts one that was
// left behind: HAProxy has one for all files, and would take ours for that of another.
func (r runtime) clear(ctx context.Context) error {
	for begin := time.Now(); ; time.Sleep(lockPoll) {
		_, pending, err := r.list(ctx)
		if err != nil || pending == "" {
			return err
		}
		if time.Since(begin) > transactionWait {
			r.abort(ctx, pending, "")
			return nil
		}
	}
}

var transactionOf = regexp.MustCompile(`Transaction \w+ for certificate (\S+)!`)

// abort ends the transaction about a file, and the one that an answer names; it
// changes nothing that is in use. That there is none is no error.
func (r runtime) abort(ctx context.Context, name, answer string) {
	names := []string{name}
	if m := transactionOf.FindStringSubmatch(answer); m != nil && m[1] != name {
		names = append(names, m[1])
	}
	for _, n := range names {
		if sayable.MatchString(n) {
			_, _ = r.say(ctx, "abort ssl cert "+n+"\n") // what went wrong before is what is told
		}
	}
}

var shownSHA1 = regexp.MustCompile(`(?m)^SHA1 FingerPrint: ([0-9A-F]{40})$`)

// uses makes sure that the running process uses the leaf in data for a file.
func (r runtime) uses(ctx context.Context, name string, data []byte) error {
	want, err := sha1Of(data)
	if err != nil {
		return err
	}
	if !sayable.MatchString(name) {
		return fmt.Errorf("HAProxy calls the file %q, which cannot be said in a command; rename it", name)
	}
	answer, err := r.say(ctx, "show ssl cert "+name+"\n")
	if err != nil {
		return err
	}
	m := shownSHA1.FindStringSubmatch(answer)
	if m == nil {
		return fmt.Errorf("HAProxy does not show %s: %s", name, quoted(answer))
	}
	if m[1] != want {
		return fmt.Errorf("the running HAProxy uses for %s the certificate with SHA-1 %s instead of %s", name, m[1], want)
	}
	return nil
}

// payloadOf is a bundle as the runtime API can take it: a blank line would end
// it, and what follows would be run as commands.
func payloadOf(data []byte) (string, error) {
	var b strings.Builder
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		switch {
		case len(block.Headers) > 0:
			return "", errors.New("a PEM block has headers, as encrypted keys do")
		case block.Type == "CERTIFICATE", strings.HasSuffix(block.Type, "PRIVATE KEY"), strings.HasSuffix(block.Type, " PARAMETERS"):
			block.Type = plainType(block.Type)
			b.Write(pem.EncodeToMemory(block))
		}
	}
	if _, err := cert.DecodeChain([]byte(b.String())); err != nil {
		return "", err
	}
	return b.String(), nil
}

// plainType keeps what may stand in the name of a block.
func plainType(s string) string {
	return strings.Map(func(r rune) rune {
		if r == ' ' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' {
			return r
		}
		return -1
	}, s)
}

func quoted(answer string) string {
	return shorten(strings.Join(strings.Fields(printable(withoutKeys(answer))), " "), maxQuoted)
}
