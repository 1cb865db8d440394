package harness

import (
	"context"
	"fmt"
)

// FreeAddress gives a loopback address at which nobody listens now.
func FreeAddress() (string, error) {
	ports, err := freePorts(1)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("127.0.0.1:%d", ports[0]), nil
}

// Ready asks a worker's /readyz, or another address, whether all is well.
func Ready(ctx context.Context, url string) (bool, error) { return ready(ctx, url) }
