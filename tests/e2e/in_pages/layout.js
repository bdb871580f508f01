// What one would have to scroll sideways for, and what cannot be seen at all. What is wide scrolls in a region of its own.
() => {
  const faults = [], root = document.scrollingElement, wide = root.clientWidth;
  if (root.scrollWidth > wide) faults.push(`the page is ${root.scrollWidth} wide, the window ${wide}`);
  const above = (one) => { const found = []; for (; one && one !== document.body; one = one.parentElement) found.push(one); return found; };
  const told = (one) => `${one.tagName.toLowerCase()}.${one.className}: ${one.textContent.trim().replace(/\s+/g, " ").slice(0, 50)}`;
  for (const one of document.body.querySelectorAll("*")) {
    const box = one.getBoundingClientRect(), own = getComputedStyle(one), every = above(one).map((each) => getComputedStyle(each));
    // For screen readers alone; not drawn; a drawing, which is as a whole or not at all.
    if (every.some((style) => style.clipPath !== "none") || !box.width || one.closest(".skip") || one.ownerSVGElement) continue;
    const scrolls = every.slice(1).some((style) => ["auto", "scroll"].includes(style.overflowX));
    if (!scrolls && (box.right > wide + 1 || box.left < -1)) faults.push(`beyond the window: ${told(one)}`);
    if (["hidden", "clip"].includes(own.overflowX) && one.scrollWidth > one.clientWidth + 1) faults.push(`cut: ${told(one)}`);
  }
  return faults;
}
