package browser

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/chromedp/chromedp"
)

// Text is what the page reads, as it is laid out.
func (p *Page) Text() string {
	p.t.Helper()
	var text string
	p.Eval("document.body.innerText", &text)
	return text
}

// See waits until the page reads so.
func (p *Page) See(text string) {
	p.t.Helper()
	p.until(fmt.Sprintf("%q to be read", text), func(ctx context.Context) (bool, error) {
		got, err := chromedp.Run(ctx, chromedp.Evaluate[string]("document.body.innerText"))
		return strings.Contains(got, text), err
	})
}

// SeeNot waits until the page reads so no more.
func (p *Page) SeeNot(text string) {
	p.t.Helper()
	p.until(fmt.Sprintf("%q to be gone", text), func(ctx context.Context) (bool, error) {
		got, err := chromedp.Run(ctx, chromedp.Evaluate[string]("document.body.innerText"))
		return err == nil && !strings.Contains(got, text), err
	})
}

// Becomes waits until JavaScript gives the text, also while the page changes.
func (p *Page) Becomes(expression, text string) {
	p.t.Helper()
	p.until(fmt.Sprintf("%s to be %q", expression, text), func(ctx context.Context) (bool, error) {
		got, err := chromedp.Run(ctx, chromedp.Evaluate[string](expression))
		return err == nil && got == text, err
	})
}

// Eval runs JavaScript and decodes its result into out.
func (p *Page) Eval(expression string, out any) {
	p.t.Helper()
	if err := json.Unmarshal([]byte(p.script(expression)), out); err != nil {
		p.t.Fatalf("%s: %v", expression, err)
	}
}

// script gives the result of JavaScript as JSON, once the page is loaded. It also
// works where the page itself may run none.
func (p *Page) script(expression string) (text string) {
	p.t.Helper()
	p.until("the page to be loaded", func(ctx context.Context) (ok bool, err error) {
		text, err = chromedp.Run(ctx, chromedp.Evaluate[string](`document.readyState === "complete" ? JSON.stringify(`+expression+`) : ""`))
		if err != nil {
			p.t.Fatalf("%s: %v", expression, err)
		}
		return text != "", nil
	})
	return text
}

// Overflow names what is wider than the screen; empty if one need not scroll sideways.
func (p *Page) Overflow() string {
	p.t.Helper()
	var wide []string
	p.Eval(`(() => {
		const width = document.documentElement.clientWidth;
		if (document.documentElement.scrollWidth <= width) return [];
		return [...document.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > width + 1)
			.map(e => e.tagName + "." + e.className + " " + Math.round(e.getBoundingClientRect().right) + " > " + width);
	})()`, &wide)
	return strings.Join(wide, "\n")
}

func (p *Page) lastText() string {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(p.ctx), patience/6)
	defer cancel()
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string]("document.body.innerText"))
	if err != nil {
		return err.Error()
	}
	return text
}

func (p *Page) lastAddress() string {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(p.ctx), patience/6)
	defer cancel()
	at, err := chromedp.Run(ctx, chromedp.Location())
	if err != nil {
		return err.Error()
	}
	return at
}
