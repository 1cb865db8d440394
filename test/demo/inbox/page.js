// Keeps the page as it is on the stage, and presses buttons without leaving it.
"use strict";

const byId = (id) => document.getElementById(id);

// put shows a piece of the page, in its place or on top of its list, and keeps
// the focus and what the reader had opened.
function put({ id, list, html }) {
  const holder = document.createElement("template");
  holder.innerHTML = html;
  const fresh = holder.content.firstElementChild;
  const old = byId(id);
  if (old && old.outerHTML === fresh.outerHTML) return;
  const focused = document.activeElement && old && old.contains(document.activeElement) ? document.activeElement.id : "";
  if (old) {
    for (const d of old.querySelectorAll("details[open]")) fresh.querySelector("#" + CSS.escape(d.id))?.setAttribute("open", "");
    old.replaceWith(fresh);
  } else if (list === "messages") {
    byId(list).prepend(fresh);
  } else {
    byId(list)?.append(fresh);
  }
  if (old || started) fresh.classList.add("fresh");
  if (focused) {
    let next = byId(focused);
    if (!next || next.hidden) next = fresh.querySelector("button:not([hidden])") || fresh.querySelector("summary, h3");
    if (next && !next.matches("button, summary, a, input")) next.tabIndex = -1;
    next?.focus({ preventScroll: true });
  }
  tick();
}

// What is there when the page opens does not flash.
let started = false;
const live = new EventSource("/live");
live.onmessage = (e) => put(JSON.parse(e.data));
live.onopen = () => {
  byId("away").hidden = true;
  setTimeout(() => { started = true; }, 1000);
};
live.onerror = () => { byId("away").hidden = false; };

// Forms that change nothing on the page itself are sent in the background.
document.addEventListener("submit", async (e) => {
  const form = e.target;
  if (form.getAttribute("action") === "/choose") return;
  e.preventDefault();
  const button = e.submitter;
  if (button.getAttribute("aria-disabled") === "true") return;
  button.setAttribute("aria-busy", "true");
  const failed = byId("failed");
  try {
    const answer = await fetch(form.getAttribute("action"), { method: "POST", headers: { "X-Requested-By": "page" }, body: new URLSearchParams(new FormData(form, button)) });
    failed.hidden = answer.ok;
    failed.textContent = answer.ok ? "" : await answer.text();
  } catch (error) {
    failed.hidden = false;
    failed.textContent = String(error);
  }
  button.removeAttribute("aria-busy");
});

// Only my messages, if so wished.
byId("mine").addEventListener("change", (e) => byId("messages").classList.toggle("only-mine", e.target.checked));

// Times left count down.
const units = new Intl.RelativeTimeFormat(document.documentElement.lang, { numeric: "always", style: "long" });
function tick() {
  for (const t of document.querySelectorAll("time[data-left]")) {
    const s = Math.round((new Date(t.dateTime) - Date.now()) / 1000);
    const a = Math.abs(s);
    const text = a < 120 ? units.format(s, "second") : a < 7200 ? units.format(Math.trunc(s / 60), "minute") : a < 172800 ? units.format(Math.trunc(s / 3600), "hour") : units.format(Math.trunc(s / 86400), "day");
    if (t.textContent !== text) t.textContent = text;
    t.classList.toggle("bad", s <= 0);
  }
}
setInterval(tick, 1000);
tick();
