// Says so when a page that renews itself no longer can: old figures must not pass for new ones.
"use strict";
const told = document.documentElement;
document.addEventListener("htmx:afterRequest", (event) => told.classList.toggle("stale", !event.detail.successful));

// What is put in place of a table that somebody scrolled sideways is scrolled as far.
let scrolled = [];
const regions = () => [...document.querySelectorAll(".scroll")];
document.addEventListener("htmx:beforeSwap", () => { scrolled = regions().map((region) => region.scrollLeft); });
document.addEventListener("htmx:afterSwap", () => regions().forEach((region, at) => { region.scrollLeft = scrolled[at] ?? 0; }));

// A page that stands in for one that is not ready asks for that one; once it is there, it is loaded as a whole.
document.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.elt.id !== "again") return;
  if (event.detail.xhr.status === 503) event.detail.shouldSwap = true; // how far it is by now
  else location.reload();
});

// A frame is as tall as its dashboard, so that there is one scroll bar; and where somebody zooms in it, the page offers to
// show that time, too. The dashboard is of this origin. It grows while its panels are drawn: it is measured again and again.
const BETWEEN_MS = 1000, EDGE_PX = 16, LOWEST_PX = 300, HIGHEST_PX = 20000;

function fit(frame) {
  const inside = frame.contentDocument, grid = inside?.querySelector(".react-grid-layout"), content = grid ?? inside?.body;
  if (!content?.childElementCount) return;
  // A page that fills whatever frame it is given must not make it grow: only a grid has an edge below it.
  let height = content.getBoundingClientRect().bottom + (grid ? EDGE_PX : 0);
  for (let around = content.parentElement; around; around = around.parentElement) height += around.scrollTop;
  height = Math.ceil(Math.min(HIGHEST_PX, Math.max(LOWEST_PX, height)));
  const borders = frame.offsetHeight - frame.clientHeight;
  if (Math.abs(height - frame.clientHeight) > 1) frame.style.height = `${height + borders}px`;
}

function tellZoom(frame, remark) {
  const asked = new URL(frame.src).searchParams, shown = new URLSearchParams(frame.contentWindow.location.search);
  const times = ["from", "to"].map((name) => shown.get(name));
  const differs = times[0] !== asked.get("from") || times[1] !== asked.get("to");
  const isTold = differs && times.every((time) => /^\d{12,14}$/.test(time));
  remark.hidden = !isTold;
  if (!isTold) return;
  const [from, to] = times.map((time) => new Date(Number(time)).toISOString());
  remark.querySelector("a").search = new URLSearchParams({ from, to });
}

function watch() {
  const remark = document.getElementById("zoomed");
  for (const frame of document.querySelectorAll("iframe.dashboard")) {
    fit(frame);
    if (remark && frame.contentWindow?.location.pathname.startsWith("/grafana/")) tellZoom(frame, remark);
  }
}
if (document.querySelector("iframe.dashboard")) setInterval(watch, BETWEEN_MS);
