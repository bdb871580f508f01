// Where the keyboard is: the number from stops.js, -1 for what has none; and why one could not see it there.
() => {
  const one = document.activeElement;
  if (!one || one === document.body || one.tagName === "IFRAME") return { stop: -1, faults: [] };
  const faults = [], style = getComputedStyle(one), box = one.getBoundingClientRect();
  if (style.outlineStyle === "none" || parseFloat(style.outlineWidth) < 2) faults.push("has no outline");
  if (box.bottom < 1 || box.top > innerHeight - 1 || box.right < 1 || box.left > innerWidth - 1) faults.push("is out of sight");
  return { stop: Number(one.dataset.stop ?? -1), faults };
}
