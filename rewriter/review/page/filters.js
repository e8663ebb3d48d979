"use strict";

/** What is shown: by text, rule, safety and ticks, all at once. */
const filters = {
  rows: [], // { row, id, text, finding }
  rules: new Set(),

  add(row, file, finding, id) {
    const text = `${file.path}:${finding.range.line} ${finding.code} ${finding.message} ${finding.line}`.toLowerCase();
    this.rows.push({ row, id, text, finding });
  },

  bar() {
    const select = (id, label, choices) => element("label", {}, `${label} `,
      element("select", { id, onchange: () => this.apply() }, choices.map((name) => element("option", {}, name))));
    const shown = (ticked) => () => choice.set(this.shown().filter((id) => choice.boxes.has(id)), ticked);
    this.download = element("button", { id: "download", class: "main", onclick: () => choice.download() });
    this.count = element("span", { id: "count", "aria-live": "polite" });
    choice.listeners.push(() => this.refresh());
    return element("nav", { "aria-label": "filters" },
      element("input", { id: "search", type: "search", placeholder: "path, code or text   /", oninput: () => this.apply() }),
      this.chips(),
      select("safety", "safety", ["all", "safe", "unsafe"]), select("ticks", "ticks", ["all", "ticked", "unticked"]),
      this.count,
      element("button", { onclick: shown(true) }, "tick shown"), element("button", { onclick: shown(false) }, "untick shown"),
      this.download, this.formatButton(), this.themeButton(),
      element("button", { "aria-label": "keys", onclick: () => shortcuts["?"][1]() }, "?"));
  },

  chips() {
    const counts = new Map();
    this.rows.forEach(({ finding }) => counts.set(finding.code, (counts.get(finding.code) || 0) + 1));
    return element("span", { class: "chips" }, [...counts].sort(([a], [b]) => a.localeCompare(b)).map(([code, count]) => {
      const chip = element("button", {
        class: "chip", "aria-pressed": "false", title: data.rules[code].summary, onclick: () => {
          const on = this.rules.delete(code) ? false : Boolean(this.rules.add(code));
          chip.setAttribute("aria-pressed", String(on));
          this.apply();
        } }, `${code} ${count}`);
      return chip;
    }));
  },

  formatButton() {
    return element("button", { id: "format", onclick: () => {
      diffs.redraw(diffs.format === "side-by-side" ? "line-by-line" : "side-by-side");
    } }, "◫");
  },

  themeButton() {
    const order = ["", "dark", "light"];
    return element("button", { id: "theme", "aria-label": "light or dark", onclick: () => {
      const root = document.documentElement;
      root.style.colorScheme = order[(order.indexOf(root.style.colorScheme) + 1) % order.length];
    } }, "◐");
  },

  matches({ id, text, finding }) {
    const words = document.getElementById("search").value.toLowerCase().split(/\s+/);
    const safety = document.getElementById("safety").value, ticks = document.getElementById("ticks").value;
    if (!words.every((word) => text.includes(word))) return false;
    if (this.rules.size && !this.rules.has(finding.code)) return false;
    if (safety !== "all" && (safety === "safe") !== finding.safe) return false;
    return ticks === "all" || (ticks === "ticked") === Boolean(choice.boxes.get(id)?.box.checked);
  },

  shown() {
    return this.rows.filter(({ row }) => !row.hidden).map(({ id }) => id);
  },

  apply() {
    const all = this.rows.map((entry) => [entry.row, this.matches(entry)]);
    const filtered = all.some(([, match]) => !match);
    all.forEach(([row, match]) => { row.hidden = !match; });
    for (const hunk of document.querySelectorAll(".hunk")) {
      hunk.hidden = filtered && !hunk.querySelector(".finding:not([hidden])");
    }
    for (const file of document.querySelectorAll(".file")) {
      file.hidden = filtered && !file.querySelector(".finding:not([hidden])");
    }
    document.getElementById("nothing").hidden = !this.rows.length || all.some(([, match]) => match);
    this.refresh();
  },

  refresh() {
    const ticked = choice.ticked.length;
    this.count.textContent = `${this.shown().length} of ${this.rows.length} shown`;
    this.download.textContent = `download ${ticked} ticked`;
    this.download.disabled = !ticked;
  },

  clear() {
    document.getElementById("search").value = "";
    document.getElementById("safety").value = document.getElementById("ticks").value = "all";
    this.rules.clear();
    document.querySelectorAll(".chip").forEach((chip) => chip.setAttribute("aria-pressed", "false"));
    this.apply();
  },
};
