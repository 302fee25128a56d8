// What the printer says now: how each source stands and, for owners and guardians, what becomes of each value.

import { ask, h, language, say, t, tn } from "/pages/shared.js";
import { card, field, hint, icon, marked, number, p, pairId, span, strong, title, warn, who, why } from "/pages/view.js";
import { may, onSaid, redraw, state } from "/pages/store.js";
import { shown } from "/pages/history.js";

const PACE = 1000; // ms between two looks, at least
const SECONDS = /^(job_start|job_finish|elapsed|remaining)$/; // fields in s
let found = null; // the last answer
let of = null; // the home that it goes with
let last = 0;
let timer = null;
let busy = false;
let again = false;

async function look() {
  timer = null;
  again = busy;
  if (busy || state.over) return;
  busy = true;
  found = await ask("/api/said").catch(() => null); // what is not known any more is not shown
  last = Date.now();
  busy = false;
  redraw();
  if (again) load();
}

// What is said now; as fast as PACE allows, or at once.
function load(pause = Math.max(0, last + PACE - Date.now())) {
  if (!may("said") || state.over || document.hidden || (timer && pause)) return;
  clearTimeout(timer);
  timer = setTimeout(look, pause);
}

onSaid(() => load());

// Before the page is drawn for the first time, so that nothing moves later.
export async function first() {
  of = state.home;
  if (of && may("said")) await look();
}

export function saysCard() {
  const { sources } = state.home;
  if (of !== state.home) {
    of = state.home;
    load(0);
  }
  if (!sources?.length) return null;
  return card("says", t("says.title"), hint(t("says.text")), sources.map(source));
}

function source(standing) {
  const all = may("said") ? found?.sources.find((one) => one.name === standing.name) : null;
  const { name, state: how, trouble } = all || standing;
  const bad = how === "trouble" || Boolean(all?.machine);
  return h("section", { class: "says", id: `says-${name}`, "data-state": how, "data-trouble": trouble || null, "aria-labelledby": `says-${name}-title` },
    h("div", { class: "card-head" },
      h("h3", { id: `says-${name}-title` }, say(`says.name.${name}`, name)),
      h("span", { class: how === "reading" && !bad ? "badge open" : bad ? "tag sensitive" : "badge" }, t(`says.state.${how}`))),
    how === "trouble" ? warn(null, p(t(`says.trouble.${trouble}`)))
      : p(how === "reading" && all ? t("says.counts", { said: number(all.said), leaving: number(all.leaving) }) : t(`says.${how}`)),
    all?.machine && warn({ "data-machine": all.machine }, p(t(`says.machine.${all.machine}`))),
    may("said") && how !== "rest" && how !== "nowhere" && h("p", { class: "hint" }, all?.time ? t("says.at", { time: exact(all.time) }) : t("says.never.heard")),
    all && h("details", { id: `says-${name}-all` }, h("summary", null, t("says.details")),
      all.purposes.map((row) => purpose(row, name)), stays(all, name)));
}

const exact = (time) => new Intl.DateTimeFormat(language, { timeStyle: "medium" }).format(new Date(time));

function purpose(row, name) {
  return h("div", { id: `says-${name}-${pairId(row)}`, ...marked(row) },
    h("h4", null, title(row), " → ", who(row)),
    !row.allowed && hint(t("says.not", { why: why(row) })),
    table(t("says.leaves"), "leaves", row.leaves.map((one) => [one.field, shown(one).replace(/\W*0{32}$/, "")])),
    table(t("says.stays"), "stays", row.stays.map((one) => [one.field, t(`says.why.${one.fate}`)])),
    table(t(row.allowed ? "says.later" : "says.would"), "would", row.would.map((one) => [one.field, become(one)])),
    row.elsewhere.length > 0 && hint(t("says.elsewhere"), " ", row.elsewhere.map(field).join(", ")));
}

function table(caption, kind, rows) {
  return rows.length > 0 && h("table", { "data-fate": kind }, h("caption", null, caption),
    h("tbody", null, rows.map(([name, text]) => h("tr", { "data-field": name }, h("th", { scope: "row" }, field(name)), h("td", null, text)))));
}

// What a transform makes of a value.
function become({ field: name, transform, parameters }) {
  const { step, values, edges, form, epoch } = parameters;
  const size = step && (SECONDS.test(name) ? span(step) : number(step));
  const count = number(values ? values.length : edges ? edges.length + 1 : 0);
  return t(`says.how.${transform}`, { step: size, n: count, form, epoch: epoch && span(epoch) });
}

// What no purpose lets out.
function stays(all, name) {
  const { count, names } = all.undeclared;
  return [
    (all.never.length > 0 || count > 0) && h("h4", null, t("says.always")),
    table(t("says.never"), "never", all.never.map((one) => [one.field, t("says.clause", { clause: one.clause })])),
    count > 0 && p(strong(tn("says.undeclared", count)), " ", t("says.undeclared.text")),
    names.length > 0 && h("details", { id: `says-${name}-names` }, h("summary", null, t("says.names")), h("pre", { class: "long", tabindex: 0 }, names.join("\n"))),
  ];
}
