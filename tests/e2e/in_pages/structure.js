// What a screen reader needs to lead somebody through the page, and axe-core does not ask for.
() => {
  const faults = [];
  const every = (selector) => [...document.querySelectorAll(selector)].filter((one) => one.checkVisibility());
  const headings = every("h1, h2, h3, h4, h5, h6").map((one) => [Number(one.tagName[1]), one.textContent.trim()]);
  if (headings.filter(([level]) => level === 1).length !== 1) faults.push("there is not one h1");
  headings.forEach(([level, text], at) => {
    if (level > (at ? headings[at - 1][0] : 0) + 1) faults.push(`"${text}" jumps to level ${level}`);
    if (!text) faults.push(`an empty heading of level ${level}`);
  });
  if (document.documentElement.lang !== "en") faults.push("the page does not say its language");
  if (every("main").length !== 1) faults.push("there is not one main");
  for (const table of every("table")) {
    const label = document.getElementById(table.getAttribute("aria-labelledby"))?.textContent;
    const name = label || table.getAttribute("aria-label") || table.caption?.textContent;
    const where = `table ${name || table.outerHTML.slice(0, 60)}`;
    if (!name?.trim()) faults.push(`${where} has no name`);
    if (!table.tHead) faults.push(`${where} has no header`);
    for (const cell of table.querySelectorAll("th")) if (!cell.scope) faults.push(`${where}: a header says not of what`);
    for (const row of table.tBodies[0].rows) if (!row.querySelector("th")) faults.push(`${where}: a row has no header`);
  }
  for (const tabs of every("nav.tabs")) {
    const here = [...tabs.querySelectorAll("[aria-current=page]")].map((one) => one.pathname);
    const there = [...tabs.querySelectorAll("a")].map((one) => one.pathname).filter((one) => one === location.pathname);
    if (String(here) !== String(there)) faults.push(`of the tabs ${here || "none"} is current, not ${there || "none"}`);
  }
  return faults;
}
