"use strict";

const shortcuts = {
  j: ["next finding", () => step(1)],
  k: ["finding before", () => step(-1)],
  x: ["tick or untick the finding", () => document.querySelector(".finding.current input")?.click()],
  e: ["what its rule says", () => document.querySelector(".finding.current .code")?.click()],
  "/": ["search", () => document.getElementById("search").focus()],
  s: ["side by side, or one column", () => document.getElementById("format").click()],
  t: ["light, dark, or as the system has it", () => document.getElementById("theme").click()],
  d: ["download the selection", () => document.getElementById("download").click()],
  "?": ["these keys", () => openDialog("Keys", element("dl", { class: "keys" },
    Object.entries(shortcuts).flatMap(([key, [what]]) => [element("dt", {}, element("kbd", {}, key)), element("dd", {}, what)])))],
};

addEventListener("keydown", (event) => {
  if (event.key === "Escape" && event.target.id === "search") event.target.blur();
  const writing = event.target.matches("input:not([type=checkbox]), select, textarea");
  if (writing || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  const shortcut = shortcuts[event.key];
  if (shortcut) {
    event.preventDefault();
    shortcut[1]();
  }
});

/** The finding so many places further, of those that are shown. */
function step(distance) {
  const shown = [...document.querySelectorAll(".finding")].filter((finding) => !finding.closest("[hidden]"));
  const now = shown.indexOf(document.querySelector(".finding.current"));
  const next = now < 0 ? (distance > 0 ? 0 : shown.length - 1) : Math.min(Math.max(now + distance, 0), shown.length - 1);
  if (shown[next]) goTo(shown[next]);
}

function goTo(target) {
  document.querySelector(".current")?.classList.remove("current");
  target.classList.add("current");
  const diff = target.closest(".hunk")?.querySelector(".diff");
  if (diff) diffs.draw(diff);
  target.scrollIntoView({ block: "center" });
  history.replaceState(null, "", `#${encodeURIComponent(target.id)}`);
}

/** Links lead to a finding, or to something to do by hand, whatever the filters hide. */
function followLink() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!target) return;
  if (target.closest("[hidden]")) filters.clear();
  target.closest("details")?.setAttribute("open", "");
  goTo(target);
}

addEventListener("hashchange", followLink);
