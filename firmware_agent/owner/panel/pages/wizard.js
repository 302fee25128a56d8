// The first run: one card a purpose, three equal choices, nothing chosen before; refusing everything is one touch.

import { byId, h, t } from "/pages/shared.js";
import { bar, button, icon, notice, on, pairId, title, p, named } from "/pages/view.js";
import { post, redraw, state, timed, widen } from "/pages/store.js";
import { askedFirst, cardFacts, declareMinor, exactly, full, leaving, pair, picture, receipt, shut, threeChoices } from "/pages/choices.js";

let step = 0;
let running = false;
let done = false;
let attested = false;
let back = false; // a choice is changed from the summary
const chosen = new Map();

export function wizardIsOpen() {
  if (state.home.first && full() && !shut()) running = true;
  return running;
}

const asked = askedFirst;
const allowed = () => asked().filter((row) => chosen.get(pairId(row)) === "allow");

export function wizard() {
  const rows = asked();
  if (done) return finished();
  if (step < rows.length) return one(rows[step], rows.length);
  if (allowed().length && !attested && state.home.age.state === "unknown") return age();
  return summary(rows);
}

function frame(name, count, heading, ...content) {
  return h("section", { class: "wizard", id: "wizard", "data-step": name, "data-done": done ? "decide" : null, "aria-labelledby": "wizard-title" },
    step === 0 && !done && h("div", { class: "intro" }, h("h1", null, t("first.title")), h("p", { class: "lead" }, t("first.text"))),
    h("div", { class: "card" },
      count > 0 && h("p", { class: "hint", id: "wizard-step" }, t("first.step", { n: step + 1, of: count })),
      heading, content),
    !done && h("div", { class: "card flat", id: "none" }, h("div", { class: "grow" }, h("h2", null, t("first.none")), p(t("first.none.text"))),
      button("refuse_all", t("first.refuse_all"), { class: "choice", id: "refuse-all" })));
}

function head(text, symbol) {
  return h("div", { class: "card-head" }, symbol, h(step === 0 && !done ? "h2" : "h1", { id: "wizard-title", tabindex: -1 }, text));
}

function one(row, count) {
  return frame("purpose", count, head(title(row), picture(row)),
    row.local && h("p", { class: "stays" }, icon("home"), t("local")),
    h("p", { class: "lead" }, notice(row)), cardFacts(row),
    threeChoices(row, "pick", chosen.get(pairId(row))),
    exactly(row), step > 0 && p(button("back", t("back"), { class: "quiet" })));
}

function age() {
  const { threshold } = state.home.age;
  return frame("age", 0, head(t("age.question", { age: threshold }), icon("person")),
    p(t("age.text")),
    h("div", { class: "three two", role: "group", "aria-labelledby": "wizard-title" },
      button("attest", t("age.yes"), { class: "choice", id: "age-yes" }), button("not_attest", t("age.no"), { class: "choice", id: "age-no" })),
    p(button("back", t("back"), { class: "quiet" })));
}

function summary(rows) {
  return frame("summary", 0, head(t("first.summary"), icon("check")),
    h("ul", { class: "lines" }, rows.map((row, at) => h("li", null,
      named(title(row), t(`first.${chosen.get(pairId(row)) || "later"}`)),
      button("again", t("change"), { class: "quiet", "data-step": at, "aria-label": t("change.of", { what: title(row) }) })))),
    bar(button("save", t("first.save"), { class: "main", id: "save" }), button("back", t("back"), { class: "quiet" })));
}

function finished() {
  const rows = leaving();
  return frame("done", 0, head(t(rows.length ? "first.done" : "first.done.none"), icon(rows.length ? "check" : "shut")),
    p(t(rows.length ? "first.done.text" : "first.done.none.text")),
    rows.length > 0 && h("ul", { class: "lines" }, rows.map((row) => h("li", null, named(title(row)), row.sequence != null && receipt(row, "quiet button")))),
    bar(button("finish", t("first.go"), { class: "main", id: "finish" })));
}

function turn(to) {
  step = to;
  redraw();
  byId("wizard-title")?.focus();
  byId("wizard")?.scrollIntoView({ block: "start" });
}

async function decide(choices, ofAge) {
  const widens = choices.some((one) => one.choice === "allow");
  const values = { choices, of_age: ofAge };
  await timed("decide", async () => {
    await (widens ? widen("decide", values) : post("decide", values));
    done = true;
  });
  turn(step);
}

const choice = (row, what) => ({ ...pair(row), choice: what, policy: row.policy, hours: null });

on("pick", async (data, element) => {
  chosen.set(pairId(asked()[step]), element.dataset.choice);
  turn(back ? asked().length : step + 1);
  back = false;
});
on("back", async () => turn(step >= asked().length ? asked().length - 1 : step - 1));
on("again", async (data) => {
  back = true;
  turn(Number(data.step));
});
on("attest", async () => {
  attested = true;
  turn(step);
});
on("not_attest", async () => {
  const mine = state.home.age.guardian && state.home.you.role === "guardian";
  if (!mine) for (const row of allowed()) chosen.set(pairId(row), state.home.age.guardian ? "later" : "refuse");
  await declareMinor();
  turn(step);
});
on("save", () => decide(asked().map((row) => choice(row, chosen.get(pairId(row)) || "later")), attested));
on("refuse_all", () => decide(asked().map((row) => choice(row, "refuse")), false));
on("finish", async () => {
  running = false;
  done = false;
  step = 0;
  chosen.clear();
  redraw();
  byId("headline")?.focus();
});
