// The support bundle: pick, see before and after, remove more, and only then save or send. Loaded when it is looked at.

import { ask, byId, h, put, say, t, tn } from "/pages/shared.js";
import { bar, button, bytes, card, confirm, hint, icon, marked, number, on, p, pairId, same, warn, who } from "/pages/view.js";
import { may, note, post, redraw, refresh, state, tell } from "/pages/store.js";
import { pick } from "/pages/bundle_pick.js";
import { selected, show, texts } from "/pages/bundle_rows.js";

const PURPOSE = "support_bundle";
let found = null; // the printer's last answer
let shown = null; // {sha256, before, after, marks}: what stands on the page, of that digest
let only = false; // only lines in which something changed
let side = "after"; // on a narrow page, which of the two
let timer = null;
let picked = null; // name -> ticked, once somebody touched one

const PAUSE = 400; // ms between two looks while it is being made

async function look() {
  const waited = found?.state === "working";
  const next = await ask("/api/bundle");
  const digest = next.bundle?.sha256;
  const there = digest && (shown?.sha256 === digest ? shown : await texts(digest));
  if (digest && !there) return look(); // somebody changed it meanwhile
  [found, shown] = [next, there || null]; // together: what is said of it is said of what is shown
  clearTimeout(timer);
  if (found.state === "working") timer = setTimeout(() => look().catch(() => null), PAUSE);
  if (state.view !== "support") return undefined;
  redraw();
  if (waited && shown) byId("bundle-title").focus(); // what was asked for is further down
  return undefined;
}

export function supportView() {
  if (!may("make_bundle")) return card("support", t("support.title"), hint(t("owner_only")));
  if (!found) {
    look().catch(() => null);
    return h("p", { role: "status" }, t("loading"));
  }
  const ready = found.state === "ready" && shown;
  if (ready) queueMicrotask(draw);
  return h("div", null, pick(found, picked), ready && result());
}

function draw() {
  const box = byId("bundle-rows");
  if (box) show(box, shown, only);
}

function result() {
  const { counts, removed, size, unfinished } = found.bundle;
  const rows = state.home.purposes.filter((row) => row.purpose === PURPOSE);
  const kinds = Object.entries(counts);
  return card("bundle", t("bundle.title"),
    p(t("bundle.text", { size: bytes(size) })),
    kinds.length ? h("ul", { class: "chips", id: "bundle-counts", "aria-label": t("bundle.counts") }, kinds.map(([kind, count]) =>
      h("li", { class: "tag", "data-kind": kind, "data-count": count }, `${number(count)} × ${say(`bundle.kind.${kind}`, kind)}`))) : p(t("bundle.nothing")),
    unfinished && warn({ id: "bundle-unfinished" }, p(t("bundle.unfinished", { line: number(unfinished.line), what: say(`bundle.kind.${unfinished.kind}`, unfinished.kind) }))),
    h("div", { class: "tools" },
      h("div", { class: "sides", role: "group", "aria-label": t("bundle.sides") }, ["before", "after"].map((one) =>
        button("bundle_side", t(`bundle.${one}`), { class: "chip", "data-side": one, "aria-pressed": String(side === one) }))),
      h("label", { class: "inline", for: "bundle-only" }, h("input", { type: "checkbox", id: "bundle-only", "data-act": "bundle_only", checked: only }), t("bundle.only"))),
    h("div", { class: "heads", "aria-hidden": "true" }, h("span", null, t("bundle.before")), h("span", null, t("bundle.after"))),
    h("div", { id: "bundle-rows", class: "rows", "data-keep": true, "data-side": side, tabindex: 0, role: "region", "aria-label": t("bundle.lines") }),
    bar(button("bundle_selected", t("bundle.remove.selected"), { id: "bundle-selected" }),
      removed.length > 0 && button("bundle_undo", t("bundle.undo"), { id: "bundle-undo" })),
    h("form", { "data-act": "bundle_typed", class: "typed" },
      p(h("label", { for: "bundle-text" }, t("bundle.remove.label")), h("input", { id: "bundle-text", maxlength: 400, autocomplete: "off" })),
      bar(h("button", { type: "submit", id: "bundle-typed" }, t("bundle.remove.do")))),
    removed.length > 0 && h("p", { class: "done", role: "status", id: "bundle-said" }, icon("check"), tn("bundle.removed.now", counts.removed || 0)),
    removed.length > 0 && h("ul", { class: "lines", id: "bundle-removed", "aria-label": t("bundle.removed") }, removed.map((one) =>
      h("li", null, h("code", { class: "grow long" }, one.text), button("bundle_back", t("bundle.back"), { "data-text": one.text, "data-whole": String(one.whole), "aria-label": t("bundle.back.of", { text: one.text }) })))),
    hint(t("bundle.before.leaving")),
    bar(button("bundle_save", [icon("file"), t("bundle.save")], { class: "main", id: "bundle-save" }), rows.map(leaves), button("bundle_forget", t("bundle.forget"), { id: "bundle-forget" })),
    rows.length === 0 && hint(t("bundle.nobody")));
}

function leaves(row) {
  const said = state.said.get(pairId(row));
  return [
    row.allowed
      ? button("bundle_send", [icon("out"), t("bundle.send", { who: who(row) })], { ...marked(row), id: "bundle-send", disabled: Boolean(found.bundle.unfinished) })
      : button("show_card", t("bundle.decide", { who: who(row) }), { ...marked(row), id: "bundle-decide" }),
    said?.done === "send_bundle" && h("p", { class: "done", role: "status", id: "bundle-sent" }, icon("check"), said.text)];
}

// --- Doing ---

on("bundle_tick", async (data, element) => {
  picked ||= Object.fromEntries(found.choices.map((one) => [one.name, one.ticked]));
  picked[data.name] = element.checked;
});
on("bundle_make", async () => {
  const parts = found.choices.map((one) => one.name).filter((name) => byId(`tick-${name}`).checked);
  if (!parts.length) return tell(t("support.pick.one"));
  state.said.clear();
  await post("make_bundle", { parts, serial: byId("tick-serial").checked });
  return look();
});
on("bundle_side", async (data) => {
  side = data.side;
  redraw();
});
on("bundle_only", async (data, element) => {
  only = element.checked;
  draw();
});

async function remove(texts) {
  if (!texts.length) return tell(t("bundle.select"));
  if (JSON.stringify(texts).length > 8000) return tell(t("bundle.select.less")); // of what one request can hold
  return changed("remove_text", { texts });
}
// Also if that was refused: another page may have changed it, and what stands there now is what counts.
async function changed(action, values) {
  try {
    await post(action, values);
  } catch (fault) {
    await look().catch(() => null);
    throw fault;
  }
  return look();
}
on("bundle_selected", () => remove(selected(byId("bundle-rows"))));
on("bundle_typed", async () => {
  const text = byId("bundle-text").value.trim();
  await remove(text ? [{ text, whole: false }] : []);
  byId("bundle-text").value = "";
});
on("bundle_undo", () => changed("undo_removal", { texts: null }));
on("bundle_back", (data) => changed("undo_removal", { texts: [{ text: data.text, whole: data.whole === "true" }] }));
on("bundle_save", async () => {
  const url = URL.createObjectURL(new Blob([shown.after], { type: "text/plain" }));
  h("a", { href: url, download: "support-bundle.txt" }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60000);
});
on("bundle_send", async (data) => {
  const row = state.home.purposes.find((one) => same(one, data));
  const { sha256: digest, after } = shown;
  const size = bytes(new TextEncoder().encode(after).length);
  if (!(await confirm("send-dialog", t("bundle.send", { who: who(row) }), [t("bundle.send.text", { who: who(row), size }), t("bundle.send.once")], t("bundle.send.do")))) return;
  try {
    await post("send_bundle", { purpose: row.purpose, recipient: row.recipient, sha256: digest });
  } catch (fault) {
    await Promise.all([look(), refresh()]).catch(() => null);
    throw fault;
  }
  note(row, t("bundle.sent", { who: who(row) }), "send_bundle");
  await refresh().catch(redraw);
});
on("bundle_forget", async () => {
  await post("forget_bundle");
  picked = null;
  put(byId("bundle-rows"));
  await look();
});
