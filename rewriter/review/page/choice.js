"use strict";

/** Which findings are ticked. Safe ones are at first; the browser remembers, for this very review. */
const choice = {
  boxes: new Map(), // id -> { box, file, finding }
  memory: `rewriter:${data.files.map((file) => file.sha256).join("").slice(0, 4000)}`,
  listeners: [],

  box(id, file, finding) {
    const box = element("input", {
      type: "checkbox", "aria-label": `apply ${id}`, checked: finding.safe, onchange: () => this.changed(),
    });
    this.boxes.set(id, { box, file, finding });
    return box;
  },

  set(ids, ticked) {
    ids.forEach((id) => { this.boxes.get(id).box.checked = ticked; });
    this.changed();
  },

  get ticked() {
    return [...this.boxes].filter(([, { box }]) => box.checked).map(([id]) => id);
  },

  changed() {
    this.listeners.forEach((listener) => listener());
    const differing = [...this.boxes].filter(([, { box, finding }]) => box.checked !== finding.safe).map(([id]) => id);
    try {
      localStorage.setItem(this.memory, JSON.stringify(differing));
    } catch { /* a browser that keeps nothing for files */ }
  },

  recall() {
    try {
      for (const id of JSON.parse(localStorage.getItem(this.memory)) || []) {
        const known = this.boxes.get(id);
        if (known) known.box.checked = !known.finding.safe;
      }
    } catch { /* nothing was kept */ }
    this.changed();
  },

  /** What `rewriter fix --selection` reads. */
  selection() {
    const files = new Map();
    for (const { box, file, finding } of this.boxes.values()) {
      if (!box.checked) continue;
      if (!files.has(file)) files.set(file, { path: file.path, sha256: file.sha256, findings: [] });
      files.get(file).findings.push({ code: finding.code, range: finding.range });
    }
    return { version: 1, paths: data.paths, files: [...files.values()] };
  },

  download() {
    const text = JSON.stringify(this.selection(), null, 2) + "\n";
    const link = element("a", {
      href: URL.createObjectURL(new Blob([text], { type: "application/json" })), download: "selection.json",
    });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  },
};
