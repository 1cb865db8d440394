package page

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/neverlapse/neverlapse/internal/delivery"
	"github.com/neverlapse/neverlapse/internal/estate"
	"github.com/neverlapse/neverlapse/internal/people"
	"github.com/neverlapse/neverlapse/test/harness/browser"
)

func TestNothingIsWiderThanAPhoneInAnyLanguage(t *testing.T) {
	w := populated()
	long := strings.Repeat("a-very-long-name-without-any-end.", 3) + "x"
	w.add(long, 5*oneDay, false, "minji", "P2")
	base := serve(t, asks(w, 1), everything)
	for _, language := range []string{"en", "ko"} {
		p := browser.Open(t, browser.Options{Width: 320, Height: 700, Phone: true, Language: language, Zone: "Asia/Seoul"})
		p.Go(base + "/")
		p.Select(map[string]string{"en": "You are", "ko": "사용자"}[language], "Jun Park")
		for _, path := range []string{"/", "/?state=firing", "/c/pay", "/c/" + long, "/c/shop", "/c/nobody", "/waiting", "/delivery", "/triage?state=all"} {
			p.Go(base + path)
			if wide := p.Overflow(); wide != "" {
				t.Errorf("%s %s: %s", language, path, wide)
			}
		}
		if said := strings.ReplaceAll(p.Troubles(), "404", ""); strings.Contains(said, "Content Security") || strings.Contains(said, "exception") {
			t.Error(said)
		}
	}
}

// everything has each screen show something.
func everything(c *Config) {
	now := time.Now()
	c.Directory = func() people.Directory {
		d := deciders
		d.People = append([]people.Person{{ID: "boss", Name: "Boss", Email: "hana@example.com"}}, d.People...)
		return d
	}
	c.Handovers = leave("minji", "jun", "hana")
	x := finds(now)
	x.triage.Ignore(x.records[1].Key, estate.Decision{By: "jun", Until: now.Add(oneDay), Reason: strings.Repeat("long", 60)})
	c.Strays = x
	c.Letters = &letterbox{{ID: delivery.ID("a"), At: now, Certificate: "pay", To: "jun", Channel: "mail", Why: "550 no"}}
	c.Channels = switchboard{all: []Channel{
		{Listed: delivery.Listed{Name: "slack", Kind: "slack"}, Trouble: delivery.Trouble{Since: now, TryAt: now, Cause: "token_revoked"}},
		{Listed: delivery.Listed{Name: "mail", Kind: "email"}, Life: delivery.Life{AnsweredAt: now, By: "minji"}},
	}}
}

// contrast measures every text against what is behind it, and names those that
// WCAG 2 calls too faint: under 4.5, or 3 where it is large.
const contrast = `(() => {
	const canvas = document.createElement("canvas"), ink = canvas.getContext("2d", {willReadFrequently: true});
	canvas.width = canvas.height = 1;
	const rgba = (c) => { ink.clearRect(0, 0, 1, 1); ink.fillStyle = c; ink.fillRect(0, 0, 1, 1); return [...ink.getImageData(0, 0, 1, 1).data]; };
	const light = (c) => { const [r, g, b] = c.map((v) => { v /= 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; }); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
	const out = [];
	for (const e of document.querySelectorAll("body *")) {
		const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.nodeValue.trim());
		const s = getComputedStyle(e), box = e.getBoundingClientRect();
		if (!own || s.visibility === "hidden" || box.width < 2 || e.closest(".skip, option, noscript, script, style, title")) continue;
		let behind = [0, 0, 0, 0];
		for (let p = e; p && behind[3] < 255; p = p.parentElement) behind = rgba(getComputedStyle(p).backgroundColor);
		const a = light(rgba(s.color)), b = light(behind), ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
		const size = parseFloat(s.fontSize), large = size >= 24 || size >= 18.66 && s.fontWeight >= 700;
		if (ratio < (large ? 3 : 4.5)) out.push(e.tagName + "." + e.className + " " + ratio.toFixed(2) + ": " + e.textContent.trim().slice(0, 40));
	}
	return out;
})()`

func TestEveryTextStandsOutInLightAndDark(t *testing.T) {
	w := populated()
	base := serve(t, asks(w, 1), everything)
	for _, dark := range []bool{false, true} {
		p := browser.Open(t, browser.Options{Dark: dark, Zone: "Asia/Seoul"})
		for _, path := range []string{"/", "/c/pay", "/c/mail", "/c/vpn", "/c/api", "/waiting", "/delivery", "/triage?state=all"} {
			p.Go(base + path)
			var faint []string
			p.Eval(contrast, &faint)
			if len(faint) > 0 {
				t.Errorf("dark %v, %s:\n%s", dark, path, strings.Join(faint, "\n"))
			}
			var ground string
			p.Eval("getComputedStyle(document.documentElement).backgroundColor", &ground)
			if bright := strings.HasPrefix(ground, "rgb(24"); bright == dark {
				t.Errorf("dark %v: the ground is %s", dark, ground)
			}
		}
	}
}

func TestAScreenReaderFindsItsWay(t *testing.T) {
	base := serve(t, asks(populated(), 1), everything)
	p := browser.Open(t, browser.Options{})
	for _, path := range []string{"/", "/c/pay", "/waiting", "/delivery", "/triage?state=all"} {
		p.Go(base + path)
		var missing []string
		p.Eval(`(() => {
			const out = [], all = (s) => [...document.querySelectorAll(s)];
			for (const landmark of ["header", "nav", "main", "footer"]) if (!all(landmark).length) out.push("no " + landmark);
			if (all("h1").length !== 1) out.push(all("h1").length + " h1");
			let level = 1;
			for (const h of all("h1, h2, h3")) { const n = +h.tagName[1]; if (n > level + 1) out.push(h.textContent + " skips a level"); level = n; }
			for (const f of all("input:not([type=hidden]), select")) if (!f.labels.length) out.push("no label: " + f.name);
			for (const s of all("section")) if (!s.getAttribute("aria-label") && !document.getElementById(s.getAttribute("aria-labelledby"))) out.push("no name: " + s.id);
			const ids = all("[id]").map((e) => e.id);
			for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) out.push("twice: " + id);
			if (!all("[aria-live]").length) out.push("nothing is live");
			return out;
		})()`, &missing)
		if len(missing) > 0 {
			t.Errorf("%s: %s", path, strings.Join(missing, "; "))
		}
	}
	p.Press("Tab")
	if at := p.Focused(); at != "Skip to the content" {
		t.Errorf("the first stop is %q", at)
	}
}

func TestWhatIsTypedStaysWhileThePageFollows(t *testing.T) {
	w := populated()
	base := serve(t, w, nil)
	p := browser.Open(t, browser.Options{})
	p.Go(base + "/c/pay")
	p.See("Live")
	p.Fill("Note for the record", "half a sente")
	if err := w.Acknowledge(t.Context(), "pay", ack("minji")); err != nil {
		t.Fatal(err)
	}
	p.See("minji has it until")
	p.Type("nce")
	var typed string
	p.Eval(`document.activeElement.value`, &typed)
	if typed != "half a sentence" {
		t.Errorf("the field holds %q", typed)
	}
	p.Select("You are", "Hana Lee")
	p.See("minji has it until")
	if got := p.Troubles(); got != "" {
		t.Error(got)
	}
}

func TestWithoutScriptsEveryFormWorks(t *testing.T) {
	w := populated()
	base := serve(t, w, nil)
	p := browser.Open(t, browser.Options{NoScript: true})
	p.Go(base + "/")
	p.Select("You are", "Hana Lee")
	p.Click("Use")
	p.See("2 certificates need somebody.")
	p.Click("pay")
	p.Fill("Note for the record", "by hand")
	p.Click("Acknowledge")
	p.See("Noted: you have it.")
	p.Click("Snooze")
	p.Click("Snooze it")
	p.See("Not taken: the last safe moment")
	p.Click("한국어")
	p.See("다음에 일어날 일")
	p.Go(base + "/")
	if a := w.states["pay"].Alerts[0].Answer; a == nil || a.By != "hana" || a.Note != "by hand" {
		t.Errorf("answered by %+v", a)
	}
	p.Fill("이름, 호스트 또는 발급자", "wiki")
	p.Click("걸러 보기")
	p.See(fmt.Sprintf("찾은 인증서 %d", 1))
}
