// Asks for the page anew and puts in what changed, so that nobody loses their place. Without it the page reloads.
"use strict";
const seconds = Number(document.currentScript.dataset.every);
const TARGETS = "a[href], [tabindex]";

function put(fresh, id) {
  const old = document.getElementById(id), now = fresh.getElementById(id);
  if (!old || !now || old.innerHTML === now.innerHTML) return;
  const places = [...old.querySelectorAll(".scroll")].map((box) => [box.scrollLeft, box.scrollTop]);
  const focused = [...old.querySelectorAll(TARGETS)].indexOf(document.activeElement);
  old.innerHTML = now.innerHTML;
  old.querySelectorAll(".scroll").forEach((box, index) => box.scrollTo(...(places[index] || [0, 0])));
  if (focused >= 0) old.querySelectorAll(TARGETS)[focused]?.focus({ preventScroll: true });
}

async function refresh() {
  const trouble = document.getElementById("trouble");
  try {
    const answer = await fetch(location.href);
    if (new URL(answer.url).pathname !== location.pathname) throw new Error("you are signed out");
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    put(fresh, "time");
    for (const panel of document.querySelectorAll(".panel")) put(fresh, panel.id);
    trouble.textContent = "";
  } catch (error) {
    trouble.textContent = `· not refreshed: ${error.message}`;
  }
}

if (seconds > 0) setInterval(() => document.hidden || refresh(), seconds * 1000);
