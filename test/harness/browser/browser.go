// Package browser drives a headless Chromium for tests of pages as a person
// does: by the names that a screen reader tells, by mouse or by keyboard alone.
// It is no part of the product.
package browser

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// RequireEnv, when set, turns a missing Chromium into a failure instead of a skip.
const RequireEnv = "NEVERLAPSE_REQUIRE_SERVERS"

// patience bounds every wait on a slow, busy machine.
const patience = time.Minute

// Find gives the path of Chromium; an error tells how to install it.
func Find() (string, error) {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if p, err := exec.LookPath(name); err == nil {
			return p, nil
		}
	}
	return "", errors.New("no Chromium: none of chromium, chromium-browser, google-chrome is in PATH (Debian: apt-get install chromium)")
}

// chromium is one process for all tests that run at the same time. It ends with
// the last of them.
var chromium struct {
	sync.Mutex
	users  int
	ctx    context.Context
	cancel func()
}

// need starts Chromium for a test unless it runs, or skips the test where there is none.
func need(t testing.TB) context.Context {
	t.Helper()
	path, err := Find()
	switch {
	case err != nil && os.Getenv(RequireEnv) != "":
		t.Fatal(err)
	case err != nil:
		t.Skip(err)
	}
	c := &chromium
	c.Lock()
	defer c.Unlock()
	if c.users == 0 {
		if c.ctx, c.cancel, err = launch(path); err != nil {
			t.Fatalf("start %s: %v", path, err)
		}
	}
	c.users++
	t.Cleanup(func() {
		c.Lock()
		defer c.Unlock()
		if c.users--; c.users == 0 {
			c.cancel()
		}
	})
	return c.ctx
}

func launch(path string) (context.Context, func(), error) {
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path),
		chromedp.Flag("lang", "en"), chromedp.Flag("font-render-hinting", "none"), chromedp.Flag("force-color-profile", "srgb"),
		chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("hide-scrollbars", true), chromedp.WSURLReadTimeout(patience))
	if os.Geteuid() == 0 { // its sandbox does not work for root
		options = append(options, chromedp.NoSandbox)
	}
	allocator, free := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, end := chromedp.NewContext(allocator)
	stop := func() { _ = chromedp.Cancel(ctx); end(); free() }
	if err := chromedp.Do(ctx); err != nil {
		stop()
		return nil, nil, err
	}
	return ctx, stop, nil
}
