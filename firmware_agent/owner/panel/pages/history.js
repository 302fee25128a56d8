// Everything that happened, newest first, from the ledger; and the exact bytes of what left.

import { ask, h, knows, say, sha256, t, tn } from "/pages/shared.js";
import { bar, button, bytes, card, clock, day, field, hint, moment, number, on, openDialog, role, span, title, who, why, p, named } from "/pages/view.js";
import { redraw, state } from "/pages/store.js";
import { full } from "/pages/choices.js";

const PAGE = 50;
const watched = (row) => ["watching", "watched"].includes(row.event);
const FILTERS = {
  all: () => true,
  left: (row) => ["acknowledged", "unknown"].includes(row.event) || (row.event === "attempted" && !ended(row)),
  refused: (row) => row.event === "refused",
  watched,
  decided: (row) => ["decided", "found", "erased"].includes(row.event) || row.event.startsWith("deletion_"),
};
let entries = [];
let more = true;
let head = null;
let filter = "all";
let loading = null;

const ended = (row) => entries.some((other) => other !== row && other.ident && other.ident === row.ident);

// The newest entries again, whenever the ledger has grown.
function load() {
  const { device } = state.home;
  const now = `${device.entries} ${device.head}`;
  if (now === head || loading) return;
  loading = ask(`/api/timeline?count=${PAGE}`)
    .then((found) => {
      const oldest = found.entries.at(-1)?.number ?? 0;
      const rest = entries.filter((row) => row.number < oldest);
      const joined = rest.length > 0 && rest[0].number === oldest - 1;
      entries = joined ? [...found.entries, ...rest] : found.entries;
      if (!joined) more = found.more;
      head = now;
    })
    .catch(() => null)
    .finally(() => {
      loading = null;
      if (state.view === "history") redraw();
    });
}

on("older", async () => {
  const found = await ask(`/api/timeline?before=${entries.at(-1).number}&count=${PAGE}`);
  entries = entries.concat(found.entries);
  more = found.more;
  redraw();
});
on("filter", async (data) => {
  filter = data.filter;
  redraw();
});

function heading(row) {
  if (row.event === "decided" || row.event === "found") {
    return row.purpose === "age_attestation" ? say(`event.age.${row.detail}`, row.detail) : say(`event.decided.${row.detail}`, row.detail);
  }
  return say(`event.${row.event}`, row.event);
}

function about(row) {
  const parts = [];
  if (row.purpose && row.purpose !== "age_attestation") parts.push(t("status.goes", { what: title(row), who: who(row) }));
  if (["paired", "unpaired"].includes(row.event)) parts.push(role(row.detail));
  if (row.event === "installed") parts.push(row.detail);
  if (watched(row) && knows(`watched.${row.detail}`)) parts.push(t(`watched.${row.detail}`));
  if (row.event === "found") parts.push(t("event.found"));
  if (row.event === "refused") parts.push(why({ reason: row.detail, why: row.why }));
  if (row.categories.length) parts.push(row.categories.map((name) => say(`category.${name}`, name)).join(", "));
  if (row.size) parts.push(bytes(row.size));
  if (row.count > 1) parts.push(row.event === "refused" ? tn("times", row.count) : watched(row) ? tn("pictures", row.count) : tn("events", row.count));
  return parts.join(" · ");
}

function line(row) {
  return h("li", { id: `entry-${row.number}`, "data-event": row.event, "data-detail": row.detail || null },
    h("time", { datetime: row.time }, clock(row.time)),
    named(heading(row), about(row)),
    row.viewable && row.ident && full() && button("payload", t("look"), { class: "quiet", "data-ident": row.ident, "data-number": row.number, "aria-label": t("look.of", { what: title(row) }) }));
}

export function history() {
  load();
  const days = new Map();
  for (const row of entries.filter(FILTERS[filter])) {
    const name = day(row.time);
    if (!days.has(name)) days.set(name, []);
    days.get(name).push(row);
  }
  const { device } = state.home;
  return card("history", t("history.title"), hint(t("history.text")),
    h("div", { class: "chips", role: "group", "aria-label": t("history.filter") }, Object.keys(FILTERS).map((name) =>
      button("filter", t(`history.${name}`), { class: "chip", "data-filter": name, "aria-pressed": String(name === filter) }))),
    days.size ? [...days].map(([name, rows]) => [h("h3", null, name), h("ul", { class: "lines timeline" }, rows.map(line))]) : p(t(loading ? "loading" : "history.none")),
    more && entries.length > 0 ? button("older", t("history.older"), { id: "older" }) : entries.length > 0 && hint(t("history.end")),
    h("details", { id: "head" }, h("summary", null, t("head.title")), p(t("head.text", { n: number(device.entries) })), p(h("code", { class: "long" }, device.head))));
}

// --- The exact contents ---

// A value as people say it; what comes is the printer's own wording, such as "2 (below 14400)".
export function shown(one) {
  const text = String(one.words ?? one.value);
  const edge = /^\d+ \((?:below (-?\d+)|(-?\d+) or more)\)$/.exec(text);
  if (edge) {
    const value = Number(edge[1] ?? edge[2]);
    return t(edge[1] ? "value.below" : "value.least", { edge: one.field === "elapsed" ? span(value) : number(value) });
  }
  const number16 = /^a number that changes every (?:day|(\d+) days) \(([0-9a-f]{32})\)$/.exec(text);
  if (number16) return number16[1] ? t("value.rotating", { days: number16[1], code: number16[2] }) : t("value.daily", { code: number16[2] });
  if (/^job_(start|finish)$/.test(one.field) && /^\d+$/.test(text)) return moment(Number(text) * 1000);
  return /^\d+$/.test(text) ? number(Number(text)) : say(`value.${text}`, text);
}

export async function showPayloads(rows, about) {
  if (!rows.length) {
    openDialog("payload-dialog", title(about), p(t("payload.none")));
    return;
  }
  await show(rows, 0);
}

async function show(rows, at) {
  const row = rows[at];
  const found = await ask(`/api/payload/${row.ident}`);
  const raw = Uint8Array.from(found.hex.match(/../g) || [], (pair) => parseInt(pair, 16));
  const matches = window.isSecureContext && window.crypto?.subtle ? (await sha256(raw)) === found.sha256 : null;
  const turn = (to, name) => {
    const one = h("button", { type: "button", disabled: !(to in rows), id: `payload-${name}` }, t(`payload.${name}`));
    one.addEventListener("click", () => show(rows, to).catch(() => null));
    return one;
  };
  openDialog("payload-dialog", title(row),
    p(t("payload.text", { who: who(row), time: moment(found.left), bytes: bytes(found.bytes) })),
    found.events.map((event, index) => h("div", { class: "scroll" }, h("table", null,
      found.events.length > 1 && h("caption", null, t("payload.event", { n: number(index + 1), of: number(found.events.length) })),
      h("thead", null, h("tr", null, h("th", { scope: "col" }, t("payload.field")), h("th", { scope: "col" }, t("payload.value")))),
      h("tbody", null, event.map((one) => h("tr", null, h("th", { scope: "row" }, field(one.field)), h("td", null, shown(one)))))))),
    hint(t("payload.only")),
    h("details", { id: "payload-raw" }, h("summary", null, t("payload.raw")), h("pre", { class: "long", id: "payload-hex", tabindex: 0 }, found.hex),
      hint("SHA-256 ", h("code", { class: "long" }, found.sha256)),
      matches !== null && h("p", { id: "payload-matches", "data-matches": String(matches) }, t(matches ? "payload.matches" : "payload.differs"))),
    rows.length > 1 && bar(turn(at + 1, "before"), h("span", { class: "hint" }, t("payload.place", { n: number(rows.length - at), of: number(rows.length) })), turn(at - 1, "after")));
}

on("payload", async (data) => showPayloads(entries.filter((row) => row.ident === data.ident).slice(0, 1), data));
