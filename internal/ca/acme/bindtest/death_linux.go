package bindtest

import "syscall"

// deathSignal stops BIND when the test's process dies.
func deathSignal() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
