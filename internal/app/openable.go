package app

import "syscall"

// openable is how many connections a process may have, some left for the rest.
func openable() int {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return 256
	}
	return int(max(16, min(uint64(l.Cur), 1<<20)-min(uint64(l.Cur)/4, 128)))
}
