package store_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"gocloud.dev/secrets/localsecrets"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/internal/delivery"
	"github.com/neverlapse/neverlapse/internal/fault"
	"github.com/neverlapse/neverlapse/internal/store"
	"github.com/neverlapse/neverlapse/internal/store/storetest"
)

// Some tests run this binary again as other processes on the same store. A
// child opens it, says "ready", waits for its standard input to end, does what
// its mode says and reports on standard output.
const (
	childMode   = "NEVERLAPSE_STORE_CHILD"
	childDir    = "NEVERLAPSE_STORE_DIR"
	childNumber = "NEVERLAPSE_STORE_NUMBER"
)

var modes = map[string]func(ctx context.Context, s *store.Store, number int) error{
	"crowd": crowdChild,
	"write": writeChild,
}

func runChild(mode string) {
	if err := child(mode); err != nil {
		fmt.Fprintln(os.Stderr, "child:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func child(mode string) error {
	number, err := strconv.Atoi(os.Getenv(childNumber))
	if err != nil {
		return err
	}
	ctx := context.Background()
	s, err := store.OpenFiles(ctx, os.Getenv(childDir), localsecrets.NewKeeper(rightKey))
	if err != nil {
		return err
	}
	fmt.Println("ready")
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		return err
	}
	return modes[mode](ctx, s, number)
}

// process is a child that said it is ready.
type process struct {
	cmd   *exec.Cmd
	stdin io.Closer
	lines *bufio.Scanner
}

func startChild(t *testing.T, mode, dir string, number int) *process {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childMode+"="+mode, childDir+"="+dir, childNumber+"="+strconv.Itoa(number))
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	must(t, err)
	stdout, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	p := &process{cmd: cmd, stdin: stdin, lines: bufio.NewScanner(stdout)}
	if !p.lines.Scan() || p.lines.Text() != "ready" {
		t.Fatalf("the child is not ready: %q, %v", p.lines.Text(), cmd.Wait())
	}
	return p
}

func (p *process) begin(t *testing.T) {
	t.Helper()
	must(t, p.stdin.Close())
}

const crowdWrites = 10

// crowdChild does what several processes contend for and tells what it won.
func crowdChild(ctx context.Context, s *store.Store, number int) error {
	name := fmt.Sprint("certificate-", number)
	if err := s.Claim(ctx, name, []string{"contested", "own " + name}); err == nil {
		fmt.Println("claim")
	} else if !fault.Is(err, fault.Conflict) {
		return err
	}
	pair, _, err := storetest.NewPair("www.example.com", start)
	if err != nil {
		return err
	}
	v, err := s.PutVersion(ctx, "www", "ca", pair)
	if err != nil {
		return err
	}
	if err := s.SetLive(ctx, "www", v.Fingerprint, ""); err == nil {
		fmt.Println("live", v.Fingerprint)
	} else if !fault.Is(err, fault.Conflict) {
		return err
	}
	for n := range crowdWrites {
		if err := storetest.AddName(ctx, s, "www", fmt.Sprintf("%d-%d", number, n)); err != nil {
			return err
		}
		if err := s.Append(ctx, "www", entries(int64(n+1))); err != nil {
			return err
		}
		if err := s.PutUndelivered(ctx, []delivery.Undelivered{{ID: delivery.ID(fmt.Sprint(n))}, {ID: delivery.ID(fmt.Sprint(n, "of", number))}}); err != nil {
			return err
		}
		if err := s.MarkSeen(ctx, []string{delivery.ID(fmt.Sprint(n))}, delivery.Seen{By: "test"}); err != nil {
			return err
		}
	}
	return nil
}

// acksPerTurn is how often writeChild acknowledges before it begins again.
const acksPerTurn = 8

// writeChild writes without end and acknowledges each write once it returned.
// The number is where it begins to count.
func writeChild(ctx context.Context, s *store.Store, number int) error {
	live, err := s.Live(ctx, "www")
	if err != nil {
		return err
	}
	for n := number; ; n++ {
		pair, _, err := storetest.NewPair("www.example.com", start.Add(time.Duration(n)*time.Minute))
		if err != nil {
			return err
		}
		v, err := s.PutVersion(ctx, "www", "ca", pair)
		if err != nil {
			return err
		}
		f := v.Fingerprint
		fmt.Println("version", f)
		for _, step := range []struct {
			ack string
			do  func() error
		}{
			{fmt.Sprint("journal ", n), func() error { return s.Append(ctx, "www", entries(int64(n))) }},
			{fmt.Sprint("live ", f), func() error { return s.SetLive(ctx, "www", f, live) }},
			{fmt.Sprint("issuance ", n), func() error { return storetest.AddName(ctx, s, "www", strconv.Itoa(n)) }},
			{fmt.Sprint("capture ", n), func() error { return s.PutCapture(ctx, "www", strconv.Itoa(n), "target", []byte(f)) }},
			{"claim", func() error { return s.Claim(ctx, "www", []string{"held", fmt.Sprint("place ", n%3)}) }},
			{fmt.Sprint("letter ", n), func() error {
				return s.PutUndelivered(ctx, []delivery.Undelivered{{ID: delivery.ID(strconv.Itoa(n))}})
			}},
			{"account", func() error {
				own := cert.Account{CA: "ca", URL: string(f), Key: pair.Key}
				if first, err := s.Account(ctx, "ca", ""); err == nil {
					own.Key = first.Key
				}
				return s.PutAccount(ctx, own)
			}},
		} {
			if err := step.do(); err != nil {
				return fmt.Errorf("%s: %w", step.ack, err)
			}
			fmt.Println(step.ack)
		}
		live = f
	}
}
