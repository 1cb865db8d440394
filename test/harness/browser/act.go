package browser

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/dom"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// Roles of what can be clicked and filled in.
var (
	clickable = []string{"button", "link", "checkbox", "radio", "menuitem", "tab", "DisclosureTriangle", "switch"}
	fillable  = []string{"textbox", "searchbox", "combobox", "spinbutton", "Date", "DateTime", "InputTime", "listbox"}
)

// Click clicks the button or link that a screen reader would call so; nth, from
// 0, chooses among several, the first unless given.
func (p *Page) Click(name string, nth ...int) {
	p.t.Helper()
	p.until(fmt.Sprintf("something to click named %q", name), func(ctx context.Context) (bool, error) {
		node, err := find(ctx, name, clickable, nth...)
		if err != nil {
			return false, err
		}
		return p.hit(ctx, node)
	})
}

// hit presses the mouse over a node and tells whether it was that node that was
// clicked: a page that follows what changes may have moved it meanwhile.
func (p *Page) hit(ctx context.Context, node cdp.BackendNodeID) (bool, error) {
	x, y, err := middle(ctx, node)
	if err != nil {
		return false, err
	}
	o, err := chromedp.Call(ctx, dom.ResolveNode, dom.ResolveNodeParams{BackendNodeID: node})
	if err != nil {
		return false, err
	}
	on := func(function string) (bool, error) {
		got, err := chromedp.Call(ctx, runtime.CallFunctionOn, runtime.CallFunctionOnParams{FunctionDeclaration: function, ObjectID: o.Object.ObjectID,
			Arguments: []*runtime.CallArgument{{Value: number(x)}, {Value: number(y)}}, ReturnByValue: new(true)})
		if err != nil {
			return false, err
		}
		return string(got.Result.Value) == "true", nil
	}
	const under = `function(x, y) {
		this.wasHit = false;
		this.addEventListener("click", () => { this.wasHit = true; }, {capture: true, once: true});
		const top = document.elementFromPoint(x, y);
		return top !== null && (this.contains(top) || top.contains(this));
	}`
	if there, err := on(under); !there {
		return false, cmp.Or(err, fmt.Errorf("something else lies over it"))
	}
	if err := chromedp.Do(ctx, chromedp.MouseClickXY(x, y)); err != nil {
		return false, err
	}
	if p.noScript { // nothing moves by itself, and nothing can listen
		return true, nil
	}
	if clicked, err := on(`function() { return this.wasHit; }`); err == nil && !clicked {
		return false, fmt.Errorf("it moved away under the mouse")
	}
	return true, nil // or the page it was on is gone, because of the click
}

func number(f float64) []byte { return strconv.AppendFloat(nil, f, 'f', -1, 64) }

// Has reports whether there is something to click with this name.
func (p *Page) Has(name string) bool {
	p.t.Helper()
	ctx, cancel := p.within()
	defer cancel()
	_, err := find(ctx, name, clickable)
	return err == nil
}

// Fill replaces what stands in the field with this label by typing.
func (p *Page) Fill(label, text string) {
	p.t.Helper()
	p.focus(label)
	p.script("document.activeElement.select?.() ?? null")
	p.Type(text)
}

// Select chooses an option of the list with this label by its text.
func (p *Page) Select(label, option string) {
	p.t.Helper()
	p.focus(label)
	var chosen bool
	p.Eval(fmt.Sprintf(`(() => {
		const list = document.activeElement, option = [...list.options].find(o => o.text.trim() === %q);
		if (!option) return false;
		list.value = option.value;
		list.dispatchEvent(new Event("input", {bubbles: true}));
		list.dispatchEvent(new Event("change", {bubbles: true}));
		return true;
	})()`, option), &chosen)
	if !chosen {
		p.t.Fatalf("%q cannot be chosen in %q", option, label)
	}
}

func (p *Page) focus(label string) {
	p.t.Helper()
	p.until(fmt.Sprintf("a field labelled %q", label), func(ctx context.Context) (bool, error) {
		node, err := find(ctx, label, fillable)
		if err == nil {
			_, err = chromedp.Call(ctx, dom.Focus, dom.FocusParams{BackendNodeID: node})
		}
		return err == nil, err
	})
}

// Type types into whatever has the focus.
func (p *Page) Type(text string) {
	p.t.Helper()
	p.do("type", chromedp.KeyEvent(text))
}

// Press presses one key: Tab, Shift+Tab, Enter, Space, Escape, ArrowDown, ArrowUp.
func (p *Page) Press(key string) {
	p.t.Helper()
	var options []chromedp.KeyOption
	code, ok := map[string]string{
		"Tab": kb.Tab, "Shift+Tab": kb.Tab, "Enter": kb.Enter, "Space": " ", "Escape": kb.Escape, "ArrowDown": kb.ArrowDown, "ArrowUp": kb.ArrowUp,
	}[key]
	if !ok {
		p.t.Fatalf("no key is called %q", key)
	}
	if key == "Shift+Tab" {
		options = append(options, chromedp.KeyModifiers(kb.ModifierShift))
	}
	p.do("press "+key, chromedp.KeyEvent(code, options...))
}

// mostTabs is how often TabTo presses Tab before it gives up.
const mostTabs = 200

// TabTo presses Tab until the focus is on what is named so.
func (p *Page) TabTo(name string) {
	p.t.Helper()
	var seen []string
	for range mostTabs {
		p.Press("Tab")
		at := p.Focused()
		if at == name {
			return
		}
		seen = append(seen, at)
	}
	p.t.Fatalf("Tab never reaches %q; it goes %q", name, seen)
}

// Focused is the name of what has the focus, as a screen reader tells it.
func (p *Page) Focused() string {
	p.t.Helper()
	ctx, cancel := p.within()
	defer cancel()
	at, err := chromedp.Call(ctx, runtime.Evaluate, runtime.EvaluateParams{Expression: "document.activeElement"})
	if err != nil {
		p.t.Fatalf("what has the focus: %v", err)
	}
	tree, err := chromedp.Call(ctx, accessibility.GetPartialAXTree, accessibility.GetPartialAXTreeParams{ObjectID: at.Result.ObjectID})
	if err != nil || len(tree.Nodes) == 0 {
		p.t.Fatalf("what has the focus: %v", err)
	}
	return text(tree.Nodes[0].Name)
}

// find looks for the nth node of one of these roles with this accessible name.
func find(ctx context.Context, name string, roles []string, nth ...int) (cdp.BackendNodeID, error) {
	root, err := chromedp.Call(ctx, dom.GetDocument, dom.GetDocumentParams{})
	if err != nil {
		return 0, err
	}
	found, err := chromedp.Call(ctx, accessibility.QueryAXTree, accessibility.QueryAXTreeParams{NodeID: root.Root.NodeID, AccessibleName: name})
	if err != nil {
		return 0, err
	}
	n := 0
	for _, node := range found.Nodes {
		if node.Ignored || !slices.Contains(roles, text(node.Role)) {
			continue
		}
		if len(nth) == 0 || n == nth[0] {
			return node.BackendDOMNodeID, nil
		}
		n++
	}
	return 0, fmt.Errorf("%d of the %d nodes named %q have a role of %q", n, len(found.Nodes), name, roles)
}

// middle scrolls a node into view and gives its middle, once it stands still.
func middle(ctx context.Context, node cdp.BackendNodeID) (x, y float64, err error) {
	if _, err = chromedp.Call(ctx, dom.ScrollIntoViewIfNeeded, dom.ScrollIntoViewIfNeededParams{BackendNodeID: node}); err != nil {
		return 0, 0, err
	}
	var last dom.Quad
	for {
		quads, err := chromedp.Call(ctx, dom.GetContentQuads, dom.GetContentQuadsParams{BackendNodeID: node})
		if err != nil || len(quads.Quads) == 0 {
			return 0, 0, fmt.Errorf("it has no place on the screen: %w", err)
		}
		q := quads.Quads[0]
		if slices.Equal(q, last) {
			return (q[0] + q[4]) / 2, (q[1] + q[5]) / 2, nil
		}
		last = q
		select {
		case <-time.After(20 * time.Millisecond): // until the next picture
		case <-ctx.Done():
			return 0, 0, ctx.Err()
		}
	}
}

// text is the string in a value of the accessibility tree.
func text(v *accessibility.Value) string {
	var s string
	if v == nil || json.Unmarshal(v.Value, &s) != nil {
		return ""
	}
	return s
}
