package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

const guardFlag = "guard"

// workspace makes the temporary folder and starts its guard: a process that
// outlives us, even when we are killed, to end nginx and remove the folder.
// clean lets it do that and waits for it.
func workspace() (dir string, clean func(), err error) {
	if dir, err = os.MkdirTemp("", "neverlapse-demo-"); err != nil {
		return "", nil, err
	}
	exe, err := os.Executable()
	if err != nil {
		return "", nil, errors.Join(err, os.Remove(dir))
	}
	cmd := exec.Command(exe, "--"+guardFlag, dir)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is not for it
	in, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return "", nil, errors.Join(fmt.Errorf("start the guard of %s: %w", dir, err), os.Remove(dir))
	}
	return dir, sync.OnceFunc(func() {
		_ = in.Close()
		_ = cmd.Wait()
	}), nil
}

// guard waits until the demo is gone and cleans up after it.
func guard(dir string) int {
	_, _ = io.Copy(io.Discard, os.Stdin)
	for _, prefix := range []string{"nginx", "nginx-apart"} {
		endNginx(filepath.Join(dir, prefix))
	}
	// What the demo started dies with it, but not in the same instant.
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(200 * time.Millisecond) {
		err := os.RemoveAll(dir)
		if err == nil && !anybodyIn(dir) {
			return 0
		}
		if time.Now().After(end) {
			fmt.Fprintf(os.Stderr, "demo: %s could not be removed: %v\n", dir, err)
			return 1
		}
	}
}

// endNginx kills the process group of the nginx that runs in prefix, if one does.
func endNginx(prefix string) {
	text, err := os.ReadFile(filepath.Join(prefix, "nginx.pid"))
	if err != nil {
		return
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err == nil && pid > 1 && strings.Contains(commandLine(pid), prefix) {
		_ = syscall.Kill(-pid, syscall.SIGKILL)
	}
}

func commandLine(pid int) string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		return ""
	}
	return strings.ReplaceAll(string(text), "\x00", " ")
}

// anybodyIn tells whether a process but this one names the folder.
func anybodyIn(dir string) bool {
	found, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return false
	}
	for _, p := range found {
		pid, err := strconv.Atoi(filepath.Base(p))
		if err == nil && pid != os.Getpid() && strings.Contains(commandLine(pid), dir) {
			return true
		}
	}
	return false
}
