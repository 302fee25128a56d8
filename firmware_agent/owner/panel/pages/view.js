// How things get onto the page: redrawing without losing focus, numbers and times, actions, dialogs.

import { Fault, h, language, put, say, sayFor, t } from "/pages/shared.js";

// --- Redrawing: `old` becomes like `fresh`, and what is the same stays the same element, with its focus. ---

export function morph(old, fresh) {
  if (old.nodeType !== fresh.nodeType || old.nodeName !== fresh.nodeName || old.id !== fresh.id) return old.replaceWith(fresh);
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.data !== fresh.data) old.data = fresh.data;
    return undefined;
  }
  const keeps = old.nodeName === "DETAILS" ? "open" : "";
  for (const { name } of [...old.attributes]) if (name !== keeps && !fresh.hasAttribute(name)) old.removeAttribute(name);
  for (const { name, value } of fresh.attributes) if (name !== keeps && old.getAttribute(name) !== value) old.setAttribute(name, value);
  if (!("keep" in old.dataset)) morphChildren(old, fresh);
  return undefined;
}

function morphChildren(old, fresh) {
  const wanted = new Set(Array.from(fresh.children, (child) => child.id).filter(Boolean));
  const named = new Map();
  for (const child of [...old.children]) {
    if (!child.id) continue;
    if (wanted.has(child.id)) named.set(child.id, child);
    else child.remove();
  }
  let at = old.firstChild;
  for (const next of [...fresh.childNodes]) {
    const match = next.id ? named.get(next.id) : at && !at.id ? at : null;
    if (!match) {
      old.insertBefore(next, at);
      continue;
    }
    if (match === at) at = at.nextSibling;
    else old.insertBefore(match, at);
    morph(match, next);
  }
  while (at) {
    const gone = at;
    at = at.nextSibling;
    gone.remove();
  }
}

// --- What everybody draws with ---

export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}

// A button that does `act` (a name that `on` knows); more: attributes such as data-purpose.
export function button(act, label, more) {
  return h("button", { type: "button", "data-act": act, ...more }, label);
}

export const p = (...content) => h("p", null, content);
export const strong = (...content) => h("strong", null, content);
export const named = (name, ...more) => h("span", { class: "grow" }, strong(name), h("br"), more);
export const warn = (more, ...content) => h("div", { class: "note warn", ...more }, icon("warn"), h("div", null, content));
export const hint = (...content) => h("p", { class: "hint" }, content);
export const bar = (...buttons) => h("div", { class: "row" }, buttons);
export const card = (id, heading, ...content) => h("section", { class: "card", id, "aria-labelledby": `${id}-title` }, h("h2", { id: `${id}-title`, tabindex: -1 }, heading), content);
export const marked = (row) => ({ "data-purpose": row.purpose, "data-recipient": row.recipient });
export const facts = (rows) => h("dl", { class: "facts" }, rows.filter(Boolean).map(([name, value]) => h("div", null, h("dt", null, name), h("dd", null, value))));

// --- Numbers and times, as the language writes them ---

const unit = (count, name) => new Intl.NumberFormat(language, { style: "unit", unit: name, unitDisplay: "long", maximumFractionDigits: 1 }).format(count);

export function span(seconds) {
  for (const [size, name] of [[86400, "day"], [3600, "hour"], [60, "minute"]]) if (seconds >= size && seconds % size === 0) return unit(seconds / size, name);
  return unit(seconds, "second");
}

export function bytes(count) {
  if (count < 1000) return unit(count, "byte");
  return count < 1e6 ? unit(count / 1000, "kilobyte") : unit(count / 1e6, "megabyte");
}

export const number = (count) => new Intl.NumberFormat(language).format(count);
const written = (time, how) => new Intl.DateTimeFormat(language, how).format(new Date(time));
export const day = (time) => (time ? written(time, { dateStyle: "full" }) : t("time.unknown"));
export const clock = (time) => (time ? written(time, { timeStyle: "short" }) : "–");

// Today the time of day is enough.
export function moment(time) {
  if (!time) return t("time.unknown");
  const today = new Date(time).toDateString() === new Date().toDateString();
  return written(time, { dateStyle: today ? undefined : "medium", timeStyle: "short" });
}

// --- Words of the policy: the language file's if it has some, else the profile's own ---

export function title(row) {
  const stem = `purpose.${row.purpose}`;
  return sayFor(stem, `${stem}.title`, row.notice, row.title || row.purpose);
}

export function notice(row) {
  const stem = `purpose.${row.purpose}`;
  return sayFor(stem, `${stem}.notice`, row.notice, row.notice);
}

export function who(row) {
  const stem = `recipient.${row.recipient}`;
  return sayFor(stem, stem, row.who, row.who || row.recipient);
}

export const field = (name) => say(`field.${name}`, name);
export const role = (name) => say(`role.${name}`, name);
export const why = (row) => say(`reason.${row.reason}`, row.why || row.reason);
export const pairId = (row) => `${row.purpose}-${row.recipient}`.replace(/[^\w-]/g, "_");
export const same = (a, b) => a.purpose === b.purpose && a.recipient === b.recipient;

// --- Actions: one listener for the page; an element names what it does ---

const actions = new Map();
export const on = (name, work) => actions.set(name, work);

export function listen(failed) {
  const busy = new Set();
  const run = async (event, element) => {
    const work = actions.get(element.dataset.act);
    event.preventDefault();
    if (!work || busy.has(element)) return;
    busy.add(element);
    element.setAttribute("aria-busy", "true");
    try {
      await work(element.dataset, element);
    } catch (fault) {
      failed(fault, element);
    } finally {
      busy.delete(element);
      element.removeAttribute("aria-busy");
    }
  };
  let touched = null;
  document.addEventListener("click", (event) => {
    const element = event.target.closest("button[data-act]");
    if (event.detail > 1 && element !== touched) return; // the second half of a double click, on what has just come
    touched = element;
    if (element) run(event, element);
  });
  document.addEventListener("submit", (event) => {
    event.preventDefault();
    if (event.target.dataset.act) run(event, event.target);
  });
  document.addEventListener("change", (event) => {
    if (event.target.matches("select[data-act], input[data-act]")) run(event, event.target);
  });
}

// --- Dialogs: one at a time; the browser keeps the focus inside and gives it back ---

let dialog = null;

export function openDialog(id, heading, ...content) {
  closeDialog();
  const head = h("h2", { id: "dialog-title" }, heading);
  const close = button("close", icon("close"), { class: "quiet close", "aria-label": t("close") });
  dialog = h("dialog", { id, class: "dialog", "aria-labelledby": "dialog-title" }, h("div", { class: "dialog-head" }, head, close), content);
  const mine = dialog;
  mine.addEventListener("close", () => mine.remove());
  document.body.append(mine);
  mine.showModal();
  return mine;
}

export function closeDialog() {
  dialog?.close();
  dialog = null;
}

export const problem = () => h("p", { class: "problem", role: "alert" });

// What is wrong with a source: the printer's own words say more than ours, where it has some.
export const plainly = (fault, trouble) => (fault.name === "fault" ? trouble || fault.message : fault.words);

export function complain(box, fault) {
  put(box, fault instanceof Fault ? fault.words : t("reason.fault"));
}

// Asks before something that cannot be taken back; true if the person goes on.
export function confirm(id, heading, text, yes, danger) {
  return new Promise((done) => {
    const go = h("button", { type: "button", class: danger ? "stop" : "main", id: "yes" }, yes);
    const box = openDialog(id, heading, [].concat(text).map((line) => h("p", null, line)), h("div", { class: "row" }, go, button("close", t("cancel"))));
    let answer = false;
    go.addEventListener("click", () => {
      answer = true;
      box.close();
    });
    box.addEventListener("close", () => done(answer));
  });
}

on("close", closeDialog);
