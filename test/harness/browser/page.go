package browser

import (
	"context"
	"encoding/json"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// Options say whose screen it is.
type Options struct {
	Width, Height int     // CSS pixels; default 1280 by 800
	Scale         float64 // pixels of the picture in one CSS pixel; default 1
	Phone         bool    // touch, and a viewport as phones have it
	Dark          bool    // prefers-color-scheme: dark
	Language      string  // Accept-Language; default en
	Zone          string  // time zone; default UTC
	NoScript      bool    // JavaScript is off
}

// Page is a tab of a visitor of its own: it shares no cookies with other pages.
// Every method waits until it can be done, and fails the test if it cannot.
type Page struct {
	t        testing.TB
	ctx      context.Context
	noScript bool

	mu       sync.Mutex
	troubles []string
}

// Open gives an empty page; it is closed when the test ends.
func Open(t testing.TB, o Options) *Page {
	t.Helper()
	ctx, cancel := chromedp.NewContext(need(t), chromedp.WithNewBrowserContext())
	p := &Page{t: t, ctx: ctx, noScript: o.NoScript}
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank")); err != nil { // the tab ends with the context of its first action
		t.Fatalf("open a tab: %v", err)
	}
	messages := chromedp.Console(ctx)
	go func() {
		for m, err := range messages {
			if err != nil {
				return
			}
			if m.IsException() || m.Type == chromedp.ConsoleError {
				p.mu.Lock()
				p.troubles = append(p.troubles, m.String()+" ("+m.URL+")")
				p.mu.Unlock()
			}
		}
	}()
	p.pretend(o)
	return p
}

func (p *Page) pretend(o Options) {
	p.t.Helper()
	scheme, language, zone := "light", "en", "UTC"
	if o.Dark {
		scheme = "dark"
	}
	if o.Language != "" {
		language = o.Language
	}
	if o.Zone != "" {
		zone = o.Zone
	}
	agent := p.script("navigator.userAgent")
	var agentText string
	if err := json.Unmarshal([]byte(agent), &agentText); err != nil {
		p.t.Fatal(err)
	}
	p.do("set up the screen", chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
			{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}, // what moves cannot be hit
		}})
		if err == nil {
			_, err = chromedp.Call(ctx, emulation.SetUserAgentOverride, emulation.SetUserAgentOverrideParams{UserAgent: agentText, AcceptLanguage: language})
		}
		if err == nil {
			_, err = chromedp.Call(ctx, emulation.SetTimezoneOverride, emulation.SetTimezoneOverrideParams{TimezoneID: zone})
		}
		if err == nil {
			_, err = chromedp.Call(ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: o.NoScript})
		}
		return err
	}))
	p.Resize(o)
}

// Resize gives the screen another size.
func (p *Page) Resize(o Options) {
	p.t.Helper()
	width, height, scale := int64(o.Width), int64(o.Height), o.Scale
	if width == 0 {
		width = 1280
	}
	if height == 0 {
		height = 800
	}
	if scale == 0 {
		scale = 1
	}
	options := []chromedp.EmulateViewportOption{chromedp.EmulateScale(scale)}
	if o.Phone {
		options = append(options, chromedp.EmulateMobile, chromedp.EmulateTouch, chromedp.EmulatePortrait)
	}
	p.do("resize", chromedp.EmulateViewport(width, height, options...))
}

// Go opens an address and waits until it is loaded.
func (p *Page) Go(url string) {
	p.t.Helper()
	p.until("open "+url, func(ctx context.Context) (bool, error) {
		err := chromedp.Do(ctx, chromedp.Navigate(url))
		if err != nil && strings.Contains(err.Error(), "net::ERR_ABORTED") {
			return false, err // a page that is left loads itself again at this moment
		}
		if err != nil {
			p.t.Fatalf("open %s: %v", url, err)
		}
		return true, nil
	})
}

// Reload loads the page again.
func (p *Page) Reload() {
	p.t.Helper()
	p.do("reload", chromedp.Reload())
}

// Address is the URL that is shown.
func (p *Page) Address() string {
	p.t.Helper()
	ctx, cancel := p.within()
	defer cancel()
	at, err := chromedp.Run(ctx, chromedp.Location())
	if err != nil {
		p.t.Fatalf("address: %v", err)
	}
	return at
}

// Screenshot writes the screen, or all of the page, into a PNG file.
func (p *Page) Screenshot(file string, whole bool) {
	p.t.Helper()
	ctx, cancel := p.within()
	defer cancel()
	shot := chromedp.CaptureScreenshot()
	if whole {
		shot = chromedp.FullScreenshot(100)
	}
	png, err := chromedp.Run(ctx, shot)
	if err == nil {
		err = os.WriteFile(file, png, 0o644)
	}
	if err != nil {
		p.t.Fatalf("screenshot: %v", err)
	}
}

// Troubles are the errors that the page wrote to the console: exceptions,
// what its Content-Security-Policy refused, and what could not be loaded.
func (p *Page) Troubles() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.troubles, "\n")
}

func (p *Page) do(what string, action chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := p.within()
	defer cancel()
	if err := chromedp.Do(ctx, action); err != nil {
		p.t.Fatalf("%s: %v", what, err)
	}
}

func (p *Page) within() (context.Context, context.CancelFunc) {
	return context.WithTimeout(p.ctx, patience)
}

// until tries again and again until cond holds; a page that is just being
// loaded answers with errors.
func (p *Page) until(what string, cond func(ctx context.Context) (bool, error)) {
	p.t.Helper()
	ctx, cancel := p.within()
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		ok, err := cond(ctx)
		if ok {
			return
		}
		select {
		case <-ctx.Done():
			p.t.Fatalf("waited for %s at %s: %v\nit reads:\n%s", what, p.lastAddress(), err, p.lastText())
		case <-tick.C:
		}
	}
}
