"use strict";

const data = JSON.parse(document.getElementById("data").textContent);

/** An element with attributes, listeners (`onclick`) and children. Text is never read as markup. */
function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return made;
}

/** A sentence whose `backticks` are code and whose **stars** are strong. */
function sentence(text) {
  return text.split(/(`[^`]+`|\*\*[^*]+\*\*)/).map((part) => {
    if (/^`[^`]+`$/.test(part)) return element("code", {}, part.slice(1, -1));
    if (/^\*\*[^*]+\*\*$/.test(part)) return element("strong", {}, part.slice(2, -2));
    return part;
  });
}

/** The explanation of a rule: paragraphs, lists and blocks of code. */
function explanation(text) {
  return text.split(/```(?:python)?\n([\s\S]*?)```/).flatMap((part, index) => {
    if (index % 2) return element("pre", {}, part);
    return part.split(/\n\n+/).filter((piece) => piece.trim()).map((piece) => element("p", {}, sentence(piece.trim())));
  });
}

function plural(count, noun) {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

function openDialog(title, content) {
  const dialog = element("dialog", { "aria-label": title, onclose: () => dialog.remove() },
    element("form", { method: "dialog" }, element("h2", {}, title), element("button", { "aria-label": "close" }, "×")),
    content);
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  document.body.append(dialog);
  dialog.showModal();
}

/** A code that opens what its rule says. */
function ruleButton(code) {
  const rule = data.rules[code];
  const show = () => openDialog(`${code}: ${rule.name}`, explanation(rule.explanation));
  return element("button", { class: "code", title: `${rule.name}: ${rule.summary}`, onclick: show }, code);
}
