// What may leave: a card for each purpose, with three equal choices, and one touch to take it back.

import { byId, h, say, t, tn } from "/pages/shared.js";
import { bar, button, facts, field, hint, icon, marked, moment, notice, on, openDialog, pairId, role, same, span, title, who, why, p, strong, warn } from "/pages/view.js";
import { destroyed, may, note, post, redraw, state, tell, timed, widen } from "/pages/store.js";
import { offers } from "/pages/camera.js";

const HOURS = [1, 12, 24, 168];
const reopened = new Set();
let apart = null; // what stands under "later, when needed", for as long as this view is looked at

export const allowed = () => state.home.purposes.filter((row) => row.allowed);
export const leaving = () => allowed().filter((row) => !row.local);
export const askedFirst = () => state.home.purposes.filter((row) => row.ask !== "later");
export const full = () => ["owner", "guardian"].includes(state.home.you.role);
export const shut = () => state.home.age.state === "minor" && !state.home.age.guardian;
const find = (data) => state.home.purposes.find((row) => same(row, data));
export const pair = (row) => ({ purpose: row.purpose, recipient: row.recipient });

export function picture(row) {
  const known = { print_history: "clock", job_history: "clock", improvement_program: "chart", usage_data: "chart" };
  return icon(row.media ? "camera" : known[row.purpose] || "out");
}

// Three equal choices: same size, same weight, same colour, none of them chosen before.
export function threeChoices(row, act, chosen) {
  const id = pairId(row);
  return h("div", { class: "three", role: "group", "aria-label": t("choice.of", { what: title(row) }) },
    ["allow", "refuse", "later"].map((choice) =>
      button(act, t(`choice.${choice}`), { ...marked(row), class: "choice", id: `${choice}-${id}`, "data-choice": choice, "aria-pressed": chosen ? String(chosen === choice) : null })));
}

export function cardFacts(row) {
  return facts([
    [t(row.local ? "fact.shown" : "fact.who"), who(row)],
    [t("fact.every"), row.every ? t("fact.every.span", { span: span(row.every) }) : t(row.media ? "fact.every.asked" : "fact.every.event")],
    [t("fact.kept"), kept(row)],
  ]);
}

function kept(row) {
  if (row.purpose === "local_service") return t("fact.kept.theirs"); // the policy binds no program of the owner's
  return row.kept ? t("fact.kept.span", { span: span(row.kept) }) : t("fact.kept.not");
}

export function exactly(row) {
  return h("details", { id: `exact-${pairId(row)}` },
    h("summary", null, t("exact")),
    hint(t("exact.text")),
    h("ul", { class: "fields" }, row.fields.map((one) => h("li", null, field(one.name), h("span", { class: `tag ${one.sensitivity}` }, t(`sensitivity.${one.sensitivity}`))))),
    p(button("policy", t("policy.open"), { class: "quiet", "data-policy": row.policy }), row.clauses.length > 0 && h("span", { class: "hint" }, " ", t("clauses", { list: row.clauses.join(", ") }))));
}

export function changes(row) {
  if (row.state !== "changed") return null;
  return warn({ "data-changes": row.changes.length },
    strong(t("changed.title")), p(t("changed.text")),
    h("ul", { class: "changes" }, row.changes.map((one) => h("li", null,
      p(strong(changed(one)), " ", h("span", { class: one.wider ? "tag wider" : "tag" }, t(one.wider ? "changed.wider" : "changed.narrower"))),
      !/^field\.\w+$/.test(one.what) && h("p", { class: "before" }, h("del", null, amount(one, one.before)), " → ", h("ins", null, amount(one, one.after))),
      p(say(`meaning.${one.meaning.toLowerCase().replace(/\W+/g, "_")}`, one.meaning))))));
}

// What a change is about: "purpose.every", "field.state", "field.state.transform.values" ...
function changed(one) {
  const found = /^field\.(\w+)/.exec(one.what);
  return found ? field(found[1]) : say(`change.${one.what}`, one.what);
}

const amount = (one, text) => (/(every|retention)$/.test(one.what) && /^\d+$/.test(text) ? span(Number(text)) : text || "–");

function howLong(row) {
  const id = `hours-${pairId(row)}`;
  return h("p", { class: "inline" }, h("label", { for: id }, t("hours.label")),
    h("select", { id }, h("option", { value: "" }, t("hours.none")), HOURS.map((hours) => h("option", { value: hours }, span(hours * 3600)))));
}

function buttons(row) {
  const id = pairId(row);
  if (row.state === "allowed") {
    return bar(
      may("withdraw") && button("withdraw", t("withdraw"), { ...marked(row), id: `withdraw-${id}`, class: "main" }),
      !row.allowed && full() && button("reopen", t("decide.again"), { ...marked(row), id: `reopen-${id}` }),
      offers(row));
  }
  if (shut()) return hint(t("minor.off"));
  if (!full()) {
    return [hint(t("not_your_choice")), row.state !== "refused" && may("refuse") && bar(button("choose", t("choice.refuse"), { ...marked(row), "data-choice": "refuse" }))];
  }
  const asks = ["undecided", "later", "changed"].includes(row.state);
  if (!asks && !reopened.has(id)) return bar(button("reopen", t("decide.again"), { ...marked(row), id: `reopen-${id}` }));
  return [threeChoices(row, "choose"), howLong(row)];
}

// Where a purpose tells the region: which one, in the owner's own word. Allowing it is another question.
function region(row) {
  const { chosen, offered } = state.home.region;
  if (!offered.length || !row.fields.some((one) => one.name === "region")) return null;
  return h("p", { "data-region": chosen }, strong(t("regions.label")), ": ", t(chosen ? `value.${chosen}` : "regions.none"), " ",
    may("set_region") && button("region", t("regions.do"), { ...marked(row), id: "region" }));
}

function standing(row) {
  if (!row.since || ["undecided", "later"].includes(row.state)) return null;
  return h("p", { class: "hint" },
    t("card.since", { time: moment(row.since), by: role(row.by) }),
    row.until && [" ", t("card.until", { time: moment(row.until) })],
    full() && row.sequence != null && [" ", receipt(row)]);
}

export function receipt(row, kind) {
  return h("a", { class: kind, href: `/api/receipt/${row.sequence}`, download: `receipt-${row.purpose}-${row.sequence}.jsonld`, "data-receipt": row.sequence }, t("receipt"));
}

function card(row) {
  const id = pairId(row);
  const said = state.said.get(id);
  const waiting = state.home.waiting.find((one) => same(one, row));
  return h("article", { class: row.allowed ? "card open" : "card", id: `purpose-${id}`, ...marked(row), "data-state": row.state, "data-allowed": String(row.allowed), "data-done": said?.done, tabindex: -1, "aria-labelledby": `title-${id}` },
    h("div", { class: "card-head" }, picture(row), h("h3", { id: `title-${id}` }, title(row)),
      h("span", { class: `badge ${row.allowed ? "open" : ""}` }, t(`state.${row.state}`))),
    row.local && h("p", { class: "stays" }, icon("home"), t("local")),
    h("p", { class: "notice" }, notice(row)),
    row.purpose === "local_service" && hint(t("viewers.ends")),
    changes(row),
    said && h("p", { class: "done", role: "status" }, icon("check"), said.text),
    row.state === "invalid" && warn(null, p(why(row))),
    row.allowed && waiting && waiting.events > 0 && hint(tn("waiting", waiting.events)),
    cardFacts(row), region(row), buttons(row), standing(row), exactly(row));
}

// What has its place in the first run, then the camera's, then what is asked for when it is first wanted. A card stays
// where it is while somebody looks.
export function cards() {
  const rows = state.home.purposes;
  apart ||= new Set(rows.filter((row) => row.ask === "later" && !row.allowed && !["changed", "invalid"].includes(row.state)).map(pairId));
  const [now, later] = [rows.filter((row) => !apart.has(pairId(row))), rows.filter((row) => apart.has(pairId(row)))];
  const pictures = now.filter((row) => row.media);
  return [now.filter((row) => !row.media).map(card),
    pictures.length > 0 && h("h3", { class: "group" }, t("choices.camera")), pictures.map(card),
    later.length > 0 && h("details", { class: "later", id: "later" },
      h("summary", null, tn("choices.later", later.length)), hint(t("choices.later.text")), later.map(card))];
}

export const regroup = () => {
  apart = null;
};

// --- Doing ---

// yes: attested now; no: a minor uses it; known: was answered before; null: the person went away.
export async function askAge() {
  const { age } = state.home;
  if (age.state !== "unknown") return "known";
  return new Promise((done) => {
    const yes = h("button", { type: "button", class: "choice", id: "age-yes" }, t("age.yes"));
    const no = h("button", { type: "button", class: "choice", id: "age-no" }, t("age.no"));
    const box = openDialog("age-dialog", t("age.question", { age: age.threshold }), p(t("age.text")), h("div", { class: "three two" }, yes, no));
    let answer = null;
    yes.addEventListener("click", () => box.close((answer = "yes")));
    no.addEventListener("click", () => box.close((answer = "no")));
    box.addEventListener("close", () => done(answer));
  });
}

export async function declareMinor() {
  await timed("declare_minor", () => post("declare_minor"));
  tell(t("minor.done"));
}

export async function allow(row, hours) {
  const age = await askAge();
  if (age === null) return false;
  if (age === "no") {
    await declareMinor();
    return false;
  }
  const choice = { ...pair(row), choice: "allow", policy: row.policy, hours };
  await timed("decide", () => widen("decide", { choices: [choice], of_age: age === "yes" }));
  return true;
}

function said(row, key, done, more) {
  note(row, [t(key, { what: title(row), who: who(row) }), more].filter(Boolean).join(" "), done);
  state.stopped = "";
  reopened.delete(pairId(row));
}

function settle(row) {
  redraw();
  const box = byId(`purpose-${pairId(row)}`);
  if (box && (document.activeElement === document.body || !document.activeElement)) box.focus({ preventScroll: true });
}

on("withdraw", async (data) => {
  const row = find(data);
  await timed("withdraw", async () => said(row, "withdraw.done", "withdraw", destroyed(await post("withdraw", pair(row)))));
  settle(row);
});

on("choose", async (data) => {
  const row = find(data);
  if (data.choice === "allow") {
    const hours = Number(byId(`hours-${pairId(row)}`)?.value) || null;
    if (await allow(row, hours)) said(row, "allow.done", "allow");
  } else {
    await timed(data.choice, async () => {
      await post(data.choice, pair(row));
      said(row, `${data.choice}.done`, data.choice);
    });
  }
  settle(row);
});

on("region", async (data) => (await import("/pages/region.js")).openRegion(find(data)));

on("reopen", async (data) => {
  reopened.add(pairId(find(data)));
  redraw();
  byId(`allow-${pairId(find(data))}`)?.focus();
});
