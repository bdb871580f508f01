// Numbers everything that can be used, in the order of the page; gives what there is.
() => {
  const can = "a[href], button, input, select, textarea, summary, audio[controls], [tabindex]";
  const all = [...document.querySelectorAll(can)].filter(
    (one) => one.tabIndex >= 0 && !one.disabled && one.type !== "hidden" && one.checkVisibility({ visibilityProperty: true }));
  all.forEach((one, number) => { one.dataset.stop = number; });
  return all.map((one) => `${one.tagName.toLowerCase()} ${(one.textContent.trim() || one.name || one.ariaLabel || "").replace(/\s+/g, " ").slice(0, 40)}`);
}
