package engine

import "syscall"

// childAttributes give the child a process group of its own, out of reach of a terminal's Ctrl-C, and have the kernel stop it when the
// thread that started it dies.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}
