//go:build !linux

package engine

import "syscall"

// childAttributes give the child a process group of its own. Other kernels do not stop it with a worker that is killed: the next Start
// says so.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
