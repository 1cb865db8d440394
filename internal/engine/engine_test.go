package engine

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestAServerThatDiesIsStartedAgain(t *testing.T) {
	e := start(t, fake(t))
	first, address := e.PID(), e.Address()
	if err := syscall.Kill(first, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "another server answers at the same address", func() bool {
		return e.PID() != 0 && e.PID() != first && e.Address() == address && e.probe(t.Context()) == nil
	})
}

func TestAServerThatKeepsDyingIsStoppedBetweenTwoLives(t *testing.T) {
	o := fake(t)
	e := start(t, o)
	behave(t, o.DataDir, "die")
	if err := syscall.Kill(e.PID(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it died twice more", func() bool {
		log, err := os.ReadFile(filepath.Join(o.DataDir, "engine.log"))
		return err == nil && strings.Count(string(log), "on fire") >= 2
	})
	stop(t, e)
	if e.PID() != 0 {
		t.Errorf("pid %d after Stop", e.PID())
	}
}

func TestStopLeavesNoProcess(t *testing.T) {
	o := fake(t)
	e := start(t, o)
	pid := e.PID()
	stop(t, e)
	if !gone(pid) {
		t.Errorf("pid %d still runs", pid)
	}
	select {
	case <-e.Done():
	default:
		t.Error("Done is open after Stop")
	}
	stop(t, e)
	start(t, o)
}

func TestAServerThatIgnoresBeingAskedIsKilled(t *testing.T) {
	o := fake(t)
	behave(t, o.DataDir, "deaf")
	e := start(t, o)
	pid := e.PID()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := e.Stop(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want the deadline", err)
	}
	if !gone(pid) {
		t.Errorf("pid %d still runs", pid)
	}
}

func TestAServerThatEndsAtOnceIsReportedInItsOwnWords(t *testing.T) {
	o := fake(t)
	if err := os.WriteFile(filepath.Join(o.DataDir, "engine.log"), []byte("words of yesterday\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	behave(t, o.DataDir, "die")
	_, err := Start(t.Context(), o)
	refused(t, err, "exit status 3", "the disk is on fire")
	if err != nil && strings.Contains(err.Error(), "yesterday") {
		t.Errorf("an old log is quoted: %v", err)
	}
	behave(t, o.DataDir, "")
	start(t, o)
}

func TestAServerThatNeverAnswersIsReportedAndStopped(t *testing.T) {
	o := fake(t)
	o.StartTimeout = 2 * time.Second
	behave(t, o.DataDir, "mute")
	_, err := Start(t.Context(), o)
	refused(t, err, "does not answer", "deadline", "refused")
	r, err := Recorded(o.DataDir)
	if err != nil {
		t.Fatal(err)
	}
	if !gone(r.PID) {
		t.Errorf("pid %d still runs", r.PID)
	}
}

func TestASecondWorkerIsRefusedByThePidOfTheFirst(t *testing.T) {
	o := fake(t)
	start(t, o)
	_, err := Start(t.Context(), o)
	refused(t, err, fmt.Sprint("pid ", os.Getpid()), o.DataDir)
}

func TestAKilledWorkerLeavesNoServer(t *testing.T) {
	o := fake(t)
	killedWorker(t, o.Binary, o.DataDir)
	start(t, o)
}

// killedWorker kills a worker in its tracks and waits until its server is gone too.
func killedWorker(t *testing.T, binary, dir string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	worker := exec.Command(self, "worker", binary, dir)
	worker.Stderr = t.Output()
	out, err := worker.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := worker.Start(); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 1000)
	n, err := out.Read(line)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(line[:n])))
	if err != nil {
		t.Fatalf("the worker says: %s", line[:n])
	}
	if gone(pid) {
		t.Fatalf("pid %d does not run", pid)
	}
	t.Cleanup(func() {
		if !gone(pid) {
			syscall.Kill(pid, syscall.SIGKILL)
		}
	})
	if err := worker.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	worker.Wait() // always "signal: killed"
	eventually(t, "the server is gone", func() bool { return gone(pid) })
}

func TestAServerLeftBehindIsWaitedForAndNamed(t *testing.T) {
	o := fake(t)
	e := start(t, o)
	// As if the worker were dead: its pid is nobody's, and the lock is held by the server alone.
	if err := e.lock.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(o.DataDir, "engine.lock"), []byte("0\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	second := o
	second.StartTimeout = 3 * time.Second
	_, err := Start(t.Context(), second)
	refused(t, err, fmt.Sprint("kill ", e.PID()))

	started := make(chan error, 1)
	go func() {
		e, err := Start(t.Context(), o)
		if err == nil {
			err = e.Stop(context.Background())
		}
		started <- err
	}()
	stop(t, e)
	if err := <-started; err != nil {
		t.Error(err)
	}
}

func TestPortsAreUsedAgainAfterARestart(t *testing.T) {
	o := fake(t)
	e := start(t, o)
	address, ui := e.Address(), e.UIURL()
	r, err := Recorded(o.DataDir)
	if err != nil || r.Address != address || r.UIURL != ui || r.PID != e.PID() {
		t.Errorf("recorded %+v (%v), want %s, %s and pid %d", r, err, address, ui, e.PID())
	}
	stop(t, e)
	e = start(t, o)
	if e.Address() != address || e.UIURL() != ui {
		t.Errorf("got %s and %s, had %s and %s", e.Address(), e.UIURL(), address, ui)
	}
	stop(t, e)

	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if e = start(t, o); e.Address() == address || e.UIURL() != ui {
		t.Errorf("got %s and %s while %s was taken", e.Address(), e.UIURL(), address)
	}
}

func TestAPortThatWasAskedForAndIsTakenIsNamed(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	o := fake(t)
	o.Port = l.Addr().(*net.TCPAddr).Port
	_, err = Start(t.Context(), o)
	refused(t, err, fmt.Sprintf("Port %d is taken", o.Port))
}

func refused(t *testing.T, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("the error does not say %q: %v", w, err)
		}
	}
}
