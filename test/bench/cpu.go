package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// cpu is the processor time, user and system, that the programs of a run spent.
type cpu struct {
	own    time.Duration // this process: Pebble, and who asks it or the engine
	worker time.Duration
	engine time.Duration
}

func (c cpu) less(d cpu) cpu {
	return cpu{c.own - d.own, c.worker - d.worker, c.engine - d.engine}
}

func (c cpu) over(n int) cpu {
	d := time.Duration(n)
	return cpu{c.own / d, c.worker / d, c.engine / d}
}

func (c cpu) String() string {
	return fmt.Sprintf("%s here, %s worker, %s engine", millis(c.own), millis(c.worker), millis(c.engine))
}

func millis(d time.Duration) string {
	if d <= 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
}

// spent reads what was spent so far; programs that do not run have spent nothing.
func (w *world) spent() cpu {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	worker := w.Worker.PID()
	return cpu{time.Duration(u.Utime.Nano() + u.Stime.Nano()), spentBy(worker), spentBy(childOf(worker))}
}

// userHZ is the unit of the kernel's figures, the same on every Linux.
const userHZ = 100

// The columns of /proc/PID/stat after the name in parentheses (proc(5)).
const (
	columnParent = 1
	columnUser   = 11
	columnSystem = 12
)

func spentBy(pid int) time.Duration {
	return time.Duration(stat(pid, columnUser)+stat(pid, columnSystem)) * time.Second / userHZ
}

// childOf is the engine that a worker started, 0 if there is none.
func childOf(parent int) int {
	all, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range all {
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err == nil && parent != 0 && stat(pid, columnParent) == parent {
			return pid
		}
	}
	return 0
}

func stat(pid, column int) int {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(data), ") ")
	fields := strings.Fields(rest)
	if column >= len(fields) {
		return 0
	}
	n, _ := strconv.Atoi(fields[column])
	return n
}
