"use strict";

/** Diffs are drawn when they come near to the screen, the others while the page has nothing else to do. */
const diffs = {
  places: new Map(), // place on the page -> the file's path and the hunk
  drawn: new Set(),
  narrow: matchMedia("(max-width: 62rem)"),
  wanted: "auto",
  observer: new IntersectionObserver(
    (entries) => entries.forEach((entry) => { if (entry.isIntersecting) diffs.draw(entry.target); }),
    { rootMargin: "1200px" }),

  place(path, hunk) {
    const rows = hunk.text.split("\n").length;
    const place = element("div", { class: "diff", style: `min-height: ${(rows * 1.25).toFixed(1)}rem` });
    this.places.set(place, { path, hunk });
    this.observer.observe(place);
    return place;
  },

  get format() {
    if (this.wanted !== "auto") return this.wanted;
    return this.narrow.matches ? "line-by-line" : "side-by-side";
  },

  draw(place) {
    if (this.drawn.has(place)) return;
    this.drawn.add(place);
    this.observer.unobserve(place);
    const { path, hunk } = this.places.get(place);
    const patch = `--- a/${path}\n+++ b/${path}\n${hunk.text}`;
    place.innerHTML = Diff2Html.html(patch, { // which escapes the source
      drawFileList: false, outputFormat: this.format, matching: "lines", colorScheme: "light",
    });
    place.style.minHeight = "";
  },

  drawAll() {
    for (const place of this.places.keys()) this.draw(place);
  },

  drawIdly() {
    const waiting = [...this.places.keys()];
    const step = (deadline) => {
      while (waiting.length && deadline.timeRemaining() > 4) this.draw(waiting.shift());
      if (waiting.length) requestIdleCallback(step);
    };
    requestIdleCallback(step);
  },

  redraw(wanted) {
    this.wanted = wanted;
    const before = [...this.drawn];
    this.drawn.clear();
    before.forEach((place) => this.draw(place));
  },
};

diffs.narrow.addEventListener("change", () => { if (diffs.wanted === "auto") diffs.redraw("auto"); });
addEventListener("beforeprint", () => diffs.drawAll());
