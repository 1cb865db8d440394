package harness

import "runtime"

// lockThread runs f on a thread of its own.
func lockThread(f func()) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	f()
}
