// The owner's page: what stands at the top of every view, and which view is shown.

import * as shared from "/pages/shared.js";
import { button, icon, listen, moment, on, openDialog, title, who, p, strong, warn } from "/pages/view.js";
import { drawInto, drawWith, follow, may, redraw, refresh, state, stopEverything, tell } from "/pages/store.js";
import { allowed, cards, leaving, regroup } from "/pages/choices.js";
import { wizard, wizardIsOpen } from "/pages/wizard.js";
import { refusedNow, sentToday } from "/pages/now.js";
import { cameraCard, cameraView, hasView, heading, isThere } from "/pages/camera.js";
import { history } from "/pages/history.js";
import { people, service } from "/pages/people.js";
import { rights } from "/pages/rights.js";

const { byId, h, put, t, tn } = shared;
const VIEWS = { now, camera: cameraView, history, rights, people, support };
let spoken = "";
let says = null; // a part of its own: pairing and the first run need none of it
let bundle = null; // likewise

function now() {
  if (wizardIsOpen()) return wizard();
  return h("div", null, isThere() && cameraCard(), service(), says?.saysCard(), h("div", { class: "columns" }, // who is looking comes first
    h("div", null, h("section", { "aria-labelledby": "choices-title" }, h("h2", { id: "choices-title" }, t("choices.title")), cards())),
    h("div", null, sentToday(), refusedNow())));
}

function support() {
  if (!bundle) import("/pages/bundle.js").then((found) => { bundle = found; redraw(); }, failed);
  return bundle ? bundle.supportView() : h("p", { role: "status" }, t("loading"));
}

// What may go out, in one sentence.
function headline() {
  const count = leaving().length;
  if (count) return tn("status.leaves", count);
  return t(allowed().length ? "status.local" : "status.nothing");
}

function status() {
  const rows = allowed();
  const shown = rows.length > 0 || state.home.camera.on || state.waits || !state.reached;
  return h("section", { class: rows.length ? "status open" : "status", "aria-labelledby": "headline", id: "status-card", "data-leaving": leaving().length },
    icon(leaving().length ? "out" : "shut"),
    h("div", { class: "grow" },
      h("h1", { id: "headline", tabindex: -1 }, headline()),
      rows.length
        ? h("ul", { class: "plain" }, rows.map((row) => h("li", null, t("status.goes", { what: title(row), who: who(row) }))))
        : p(t("status.nothing.text")),
      state.stopped && h("p", { id: "stopped", class: "done" }, icon("check"), state.stopped)),
    shown && may("stop") && button("stop", [icon("stop"), t("stop")], { class: "stop big", id: "stop" }));
}

function alerts() {
  const { warnings, you, age } = state.home;
  const rows = warnings.filter((row) => row.code !== "no_presence" || !you.key); // a phone that signs needs no code
  const lines = rows.map((row) => warn({ "data-warning": row.code },
    shared.knows(`warning.${row.code}.title`) && strong(t(`warning.${row.code}.title`)),
    p(shared.say(`warning.${row.code}`, row.text))));
  if (age.state === "minor") {
    const mine = you.role === "guardian";
    lines.push(h("div", { class: "note", id: "minor" }, icon("person"), p(t(!age.guardian ? "minor.off" : mine ? "minor.yours" : "minor.guardian"))));
  }
  return lines;
}

function urgent() {
  return !state.reached && warn({ id: "unreached", role: "alert" },
    strong(t("unreached.title")),
    p(t("unreached.text", { time: moment(state.at) })),
    p(t("unreached.holds")),
    state.waits && h("p", { id: "stop-waits" }, t("unreached.stop")));
}

function nav() {
  return h("ul", { class: "tabs" }, Object.keys(VIEWS).filter((name) => name === "camera" ? hasView() : name !== "support" || may("make_bundle")).map((name) =>
    h("li", null, h("a", { href: `#/${name}`, id: `tab-${name}`, "aria-current": state.view === name ? "page" : null }, t(`nav.${name}`)))));
}

function draw() {
  if (!state.home) return;
  if (state.view === "camera" && !hasView()) state.view = "now";
  const { device } = state.home;
  const name = device.name || t("brand");
  byId("device").textContent = name;
  document.title = `${t(`nav.${state.view}`)} · ${name}`;
  drawInto("nav", nav());
  drawInto("urgent", urgent());
  drawInto("alerts", state.view === "now" && alerts());
  const asking = state.view === "now" && wizardIsOpen();
  drawInto("status", !asking && status());
  drawInto("view", VIEWS[state.view]());
  byId("view").setAttribute("aria-busy", "false");
  document.body.dataset.view = asking ? "wizard" : state.view;
  const heard = [headline(), allowed().map(title).join(", ")].filter(Boolean).join(": ");
  const watched = isThere() ? heading() : "";
  if (spoken && spoken !== heard + watched) byId("heard").textContent = `${heard}. ${watched}`;
  spoken = heard + watched;
}

function route() {
  const name = location.hash.replace(/^#\//, "");
  if (/^#pair=/.test(location.hash)) {
    window.history.replaceState(null, "", location.pathname);
    tell(t("paired.already"));
  }
  const before = state.view;
  state.said.clear();
  state.stopped = "";
  put(byId("toast"));
  state.view = name in VIEWS ? name : "now";
  regroup();
  if (!state.home) return;
  redraw();
  if (before !== state.view) {
    scrollTo(0, 0);
    (document.querySelector("#view h1, #view h2") || byId("headline"))?.focus();
  }
}

on("stop", stopEverything);
on("policy", async (data) => {
  const text = await shared.ask(`/api/policy/${encodeURIComponent(data.policy)}`, undefined, "text");
  openDialog("policy-dialog", t("policy.title"), h("p", { class: "hint" }, t("policy.text")), h("pre", { class: "text", tabindex: 0 }, text));
});

function failed(fault) {
  if (fault.name === "cancelled") return;
  if (fault.status === 401) {
    refresh().catch(() => null);
    return;
  }
  if (!(fault instanceof shared.Fault)) console.error(fault.name);
  if (fault.name === "unreachable") {
    state.reached = false;
    redraw();
  }
  tell(fault instanceof shared.Fault ? fault.words : t("reason.fault"));
}

async function start() {
  sessionStorage.removeItem("entered");
  const door = await shared.ask("/doorbell").catch(() => ({ words: ["en", "zh"] }));
  state.device = door.device || "";
  await shared.useWords(door.words);
  shared.languagePicker(byId("language"), () => {
    shared.fill(document);
    spoken = "";
    redraw();
  });
  shared.fill(document);
  says = await import("/pages/says.js").catch(() => null);
  listen(failed);
  window.addEventListener("hashchange", route);
  route();
  await refresh().catch(failed);
  await says?.first();
  drawWith(draw);
  redraw();
  follow();
}

start();
