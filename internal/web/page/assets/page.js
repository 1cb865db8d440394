// The page follows what changes: the server says that something did, the page is
// fetched again and what differs is put in place. Where somebody is typing,
// nothing moves. Without this file everything works as well, by loading again.
"use strict";

const body = document.body, main = document.getElementById("content"), lamp = document.querySelector(".live");

// merge makes old as fresh is, touching only what differs.
function merge(old, fresh) {
  if (old.isEqualNode(fresh)) return;
  if (old.nodeType !== Node.ELEMENT_NODE || old.nodeName !== fresh.nodeName || old.id !== fresh.id) {
    old.replaceWith(fresh);
    return;
  }
  if (old.dataset.touched) return;
  for (const a of [...old.attributes]) {
    if (!fresh.hasAttribute(a.name) && !(old.nodeName === "DETAILS" && a.name === "open")) old.removeAttribute(a.name);
  }
  for (const a of fresh.attributes) {
    if (old.getAttribute(a.name) !== a.value) old.setAttribute(a.name, a.value);
  }
  let at = old.firstChild;
  for (const child of [...fresh.childNodes]) {
    const known = child.id && [...old.children].find((c) => c.id === child.id);
    if (known && known !== at && !known.contains(document.activeElement)) old.insertBefore(known, at);
    if (known && known !== at && known.contains(document.activeElement)) { // what has the focus stays; what is before it goes
      while (at && at !== known) { const gone = at; at = at.nextSibling; gone.remove(); }
    }
    const mine = known || at;
    if (!mine || (!known && mine.id && mine.id !== child.id)) {
      old.insertBefore(child, at);
      continue;
    }
    at = mine.nextSibling;
    merge(mine, child);
  }
  while (at) { const gone = at; at = at.nextSibling; if (!gone.contains(document.activeElement) || gone === document.activeElement) gone.remove(); }
}

let fetching = false, again = false, pressed = false;
async function follow() {
  if (fetching || pressed) { again = true; return; }
  fetching = true;
  try {
    const url = new URL(body.dataset.self, location.href);
    url.searchParams.delete("said");
    const answer = await fetch(url, { headers: { Accept: "text/html" }, credentials: "same-origin" });
    if (answer.redirected) { location.assign(body.dataset.self); return; }
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (pressed) { again = true; return; }
    const said = document.getElementById("said"), content = fresh.getElementById("content");
    if (said && content && !content.querySelector("#said")) content.prepend(said.cloneNode(true));
    if (content) merge(main, content);
    document.title = fresh.title;
  } catch {
    // The events begin again by themselves, and ask again then.
  } finally {
    fetching = false;
    catchUp();
  }
}

function catchUp() {
  if (again && !pressed) { again = false; follow(); }
}

// What is being pressed does not move away before it is let go.
addEventListener("pointerdown", () => { pressed = true; });
for (const end of ["pointerup", "pointercancel", "blur"]) {
  addEventListener(end, () => { pressed = false; setTimeout(catchUp); }); // after the click
}

function listen() {
  const topic = body.dataset.topic;
  if (topic === "-") return;
  const events = new EventSource(body.dataset.base + "/events" + (topic ? "?c=" + encodeURIComponent(topic) : ""));
  lamp.hidden = false;
  let mark = "";
  events.addEventListener("open", () => lamp.classList.add("up"));
  events.addEventListener("error", () => lamp.classList.remove("up"));
  events.addEventListener("change", (e) => {
    if (mark !== e.data) follow();
    mark = e.data;
  });
}

main.addEventListener("input", (e) => {
  const form = e.target.closest("form[method=post]");
  if (form) form.dataset.touched = "1";
});
for (const form of document.querySelectorAll("form[data-auto]")) {
  form.querySelector("button").hidden = true;
  form.addEventListener("change", () => form.submit());
}

const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (zone && zone !== body.dataset.zone && !document.cookie.includes("zone=" + zone)) {
  document.cookie = "zone=" + zone + "; path=/; max-age=31536000; SameSite=Strict" + (location.protocol === "https:" ? "; Secure" : "");
  if (document.cookie.includes("zone=") && body.dataset.topic !== "-") location.reload();
}
listen();
