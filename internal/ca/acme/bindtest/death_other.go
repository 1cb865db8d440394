//go:build !linux

package bindtest

import "syscall"

func deathSignal() *syscall.SysProcAttr { return nil }
