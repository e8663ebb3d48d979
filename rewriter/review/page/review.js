"use strict";

const ids = new Map(); // finding -> its id, which is also its link
const taken = new Set();

function idOf(file, item) {
  const name = `${file.path}:${placeOf(item)}:${item.code}`;
  let id = name;
  for (let count = 2; taken.has(id); count++) id = `${name}:${count}`;
  taken.add(id);
  ids.set(item, id);
  return id;
}

function placeOf({ range }) {
  return `${range.cell ? `cell ${range.cell}:` : ""}${range.line}:${range.column}`;
}

function findingRow(file, finding) {
  const id = idOf(file, finding);
  const row = element("div", { class: "finding", id, onclick: () => mark(row) },
    finding.shown ? choice.box(id, file, finding) : null,
    ruleButton(finding.code),
    element("a", { href: `#${encodeURIComponent(id)}`, title: "link to this finding" }, placeOf(finding)),
    element("span", { class: "message" }, sentence(finding.message)),
    finding.safe ? null : element("span", { class: "unsafe" }, "unsafe: ", sentence(finding.why)),
    element("span", { class: "summary" }, data.rules[finding.code].summary));
  filters.add(row, file, finding, id);
  return row;
}

function mark(row) {
  document.querySelector(".current")?.classList.remove("current");
  row.classList.add("current");
}

/** In which hunk a finding has its row: the one that shows its line, or else the first that it needs. */
function homes(file) {
  return file.findings.map((finding, index) => {
    const needed = file.hunks.filter((hunk) => hunk.findings.includes(index));
    return needed.find((hunk) => hunk.start <= finding.range.line && finding.range.line < hunk.end) || needed[0];
  });
}

function fileSection(file) {
  const home = homes(file);
  const articles = file.hunks.map((hunk) => {
    const mine = hunk.findings.filter((index) => home[index] === hunk);
    const others = hunk.findings.filter((index) => home[index] !== hunk);
    return { hunk, others, article: element("article", { class: "hunk" },
      mine.map((index) => findingRow(file, file.findings[index])), diffs.place(file.path, hunk)) };
  });
  for (const { hunk, others, article } of articles) { // when all rows have been made, and so have their links
    if (others.length) article.prepend(alsoFor(file, others));
    else if (!hunk.findings.length) article.prepend(element("p", { class: "note" }, "needed by what follows"));
  }
  const rest = file.findings.filter((finding, index) => !home[index]);
  return element("section", { class: "file", "aria-label": file.path },
    element("h2", {}, element("span", {}, file.path), fileButtons(file)),
    articles.map(({ article }) => article),
    rest.length ? element("article", { class: "hunk" },
      element("p", { class: "note" }, "Not applied. `rewriter report --unsafe-fixes` shows what these would change."),
      rest.map((finding) => findingRow(file, finding))) : null);
}

/** Which findings elsewhere a hunk belongs to: what it makes, they call. */
function alsoFor(file, indices) {
  const links = indices.slice(0, 12).map((index) => {
    const finding = file.findings[index];
    return element("a", { href: `#${encodeURIComponent(ids.get(finding))}` }, `${finding.range.line} ${finding.code}`);
  });
  const more = indices.length > links.length ? ` and ${indices.length - links.length} more` : "";
  return element("p", { class: "note" }, "needed by line ", links.flatMap((link, n) => (n ? [", ", link] : [link])), more);
}

function fileButtons(file) {
  const own = () => file.findings.map((finding) => ids.get(finding)).filter((id) => choice.boxes.has(id));
  return element("span", { class: "buttons" },
    element("button", { onclick: () => choice.set(own(), true) }, "tick all"),
    element("button", { onclick: () => choice.set(own(), false) }, "untick all"));
}

function toDo() {
  const left = data.files.flatMap((file) => [
    ...file.left.map((item) => ({ file, item })), ...file.remarks.map((item) => ({ file, item }))]);
  if (!left.length) return null;
  const byCode = new Map();
  left.forEach((entry) => byCode.set(entry.item.code, [...(byCode.get(entry.item.code) || []), entry]));
  return element("section", { id: "by-hand", "aria-label": "to do by hand" },
    element("h2", {}, `To look at by hand (${left.length})`),
    [...byCode].sort(([a], [b]) => a.localeCompare(b)).map(([code, items]) => element("details", { open: items.length < 50 },
      element("summary", {}, ruleButton(code), ` ${data.rules[code].summary} (${items.length})`),
      element("ul", {}, items.map(toDoItem)))));
}

function toDoItem({ file, item }) {
  const id = idOf(file, item);
  return element("li", { id },
    element("a", { href: `#${encodeURIComponent(id)}` }, `${file.path}:${placeOf(item)}`), " ",
    sentence(item.message), item.line ? element("pre", {}, item.line) : null, item.advice ? element("p", {}, "→ ", sentence(item.advice)) : null);
}

function failures() {
  const failed = data.files.filter((file) => file.failure);
  if (!failed.length) return null;
  return element("section", { class: "failures", "aria-label": "failures" },
    element("h2", {}, `${plural(failed.length, "file")} failed`),
    element("ul", {}, failed.map((file) => element("li", {}, element("strong", {}, file.path), " ", file.failure))));
}

function head() {
  const { files, rewritten, unsafe, left, failed, suppressed, changed } = data.summary;
  const all = rewritten + unsafe + left;
  const parts = [
    `${plural(rewritten, "operation")} to rewrite in ${plural(changed, "file")}`,
    unsafe ? `${unsafe} only with --unsafe-fixes` : "", left ? `${left} left with a reason` : "",
    suppressed ? `${suppressed} suppressed` : "", failed ? `${plural(failed, "file")} failed` : "",
  ].filter(Boolean);
  const share = all ? Math.floor((100 * rewritten) / all) : 100;
  return element("header", {},
    element("h1", {}, "rewriter", element("small", {}, ` ${data.version}: review of ${plural(files, "file")}`)),
    element("p", {}, `${parts.join("; ")}.`),
    element("div", { class: "coverage" },
      element("meter", { min: 0, max: all || 1, value: all ? rewritten : 1, "aria-label": "coverage" }),
      ` ${share} % of ${plural(all, "operation")} that matter`));
}

function build() {
  const body = document.body;
  const sections = data.files.filter((file) => file.findings.length).map(fileSection);
  body.append(head(), filters.bar(), element("main", {}, failures(), sections, toDo(),
    element("p", { id: "nothing", hidden: true }, "No finding matches these filters.")));
  choice.recall();
  filters.apply();
  followLink();
  requestAnimationFrame(() => requestAnimationFrame(() => {
    performance.mark("review-ready");
    diffs.drawIdly();
  }));
}

build();
