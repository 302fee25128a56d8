// Letting a program see the camera: what for, which way in, and its addresses, shown once.

import { h, put, t } from "/pages/shared.js";
import { bar, button, complain, hint, on, openDialog, pairId, problem, strong, p, warn } from "/pages/view.js";
import { refresh, redraw, state, widen } from "/pages/store.js";
import { named } from "/pages/viewers.js";

const FOR = { live_view: () => t("viewers.for.stream"), snapshot: () => t("viewers.for.snapshot"), local_service: () => t("viewers.ends") };
const WAYS = ["address", "basic"];
const pairs = () => state.home.purposes.filter((row) => row.local && row.purpose in FOR);

const option = (name, value, checked, heading, text) => h("label", { class: "option" },
  h("input", { type: "radio", name, value, checked }), h("span", null, strong(heading), h("br"), h("span", { class: "hint" }, text)));

export function openForm() {
  const rows = pairs();
  const chosen = rows.find((row) => row.allowed) || rows[0];
  openDialog("viewer-dialog", t("viewers.add"),
    !state.home.camera.plain_local && warn(null, strong(t("viewers.plain.title")), p(t("viewers.plain.before"))),
    h("form", { "data-act": "viewer_add", id: "viewer-form" },
      p(h("label", { for: "viewer-name" }, t("viewers.name")), h("input", { id: "viewer-name", maxlength: 32, autocomplete: "off", "aria-describedby": "viewer-name-hint" }), h("span", { class: "hint", id: "viewer-name-hint" }, t("viewers.name.hint"))), problem(),
      h("fieldset", null, h("legend", null, t("viewers.for")), rows.map((row) => option("pair", pairId(row), row === chosen, named(row), FOR[row.purpose]()))),
      h("fieldset", null, h("legend", null, t("viewers.way")), WAYS.map((way) => option("way", way, way === WAYS[0], t(`viewers.way.${way}`), t(`viewers.way.${way}.text`)))),
      bar(h("button", { type: "submit", class: "main", id: "viewer-send" }, t("viewers.do")), button("close", t("cancel")))));
}

on("viewer_add", async (data, form) => {
  const name = form.querySelector("#viewer-name");
  const wrong = form.querySelector(".problem");
  const row = pairs().find((one) => pairId(one) === form.elements.pair.value);
  const known = state.home.camera.viewers.some((one) => one.name === name.value.trim());
  if (known || !/^[^:\p{C}\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\u115f\u1160\u2800\u3164\uffa0]{1,32}$/u.test(name.value.trim().normalize("NFC"))) {
    put(wrong, t("viewers.name.wrong"));
    name.focus();
    return;
  }
  const values = { name: name.value.trim(), purpose: row.purpose, recipient: row.recipient, way: form.elements.way.value };
  try {
    showAddresses(row, await widen("add_viewer", values));
  } catch (fault) {
    if (!form.isConnected) throw fault;
    complain(wrong, fault);
    name.scrollIntoView({ block: "center" });
  }
});

// [stream, snapshot] of each address: what the printer tells is a beginning, or such an address itself.
export function links(addresses) {
  const found = { stream: [], snapshot: [] };
  for (const one of addresses) {
    const kind = /snapshot$/.test(one) ? "snapshot" : /stream$/.test(one) ? "stream" : "";
    if (kind) found[kind].push(one);
    else for (const name of ["stream", "snapshot"]) found[name].push(`${one.replace(/\/+$/, "")}/?action=${name}`);
  }
  return found;
}

function copied(id, label, value) {
  return h("div", { class: "copied" }, h("label", { for: id }, label),
    h("div", { class: "row" }, h("textarea", { id, readonly: true, rows: 2, spellcheck: "false" }, value), button("copy", t("copy"), { "data-from": id, "aria-label": t("copy.of", { what: label }) })));
}

on("copy", async (data, element) => {
  const input = element.closest(".copied").querySelector("textarea");
  input.focus();
  input.select();
  try {
    await navigator.clipboard.writeText(input.value);
    put(element, t("copied"));
  } catch {
    put(element, t("copy.self")); // an old browser, or plain HTTP: it is marked, the person copies it
  }
});

// The secret is shown this once; the printer keeps only its hash.
function showAddresses(row, found) {
  const { stream, snapshot } = links(found.addresses);
  const stills = row.purpose === "snapshot";
  const streams = stills ? [] : stream;
  const box = openDialog("addresses-dialog", t("addresses.title", { name: found.name }),
    warn(null, strong(t("addresses.once"))),
    streams[0] && copied("address-stream", t("addresses.stream"), streams[0]),
    snapshot[0] && copied("address-snapshot", t("addresses.snapshot"), snapshot[0]),
    found.user && copied("address-user", t("addresses.user"), found.user),
    found.password && copied("address-password", t("addresses.password"), found.password),
    [...streams.slice(1), ...snapshot.slice(1)].length > 0 && h("details", null, h("summary", null, t("addresses.others")),
      h("ul", { class: "fields" }, [...streams.slice(1), ...snapshot.slice(1)].map((one) => h("li", { class: "long" }, h("code", null, one))))),
    !row.allowed && hint(t("viewers.waits")),
    row.purpose === "local_service" && warn(null, p(t("viewers.ends"))),
    guide(stills),
    bar(button("close", t("done"), { class: "main", id: "addresses-done" })));
  box.addEventListener("close", () => refresh().catch(redraw));
}

// What to paste where, program by program.
function guide(stills) {
  const names = stills ? ["octoprint", "homeassistant"] : ["mainsail", "fluidd", "octoprint", "homeassistant"];
  return h("details", { id: "guide" }, h("summary", null, t("guide")),
    h("dl", { class: "guide" }, names.map((name) => [h("dt", null, t(`guide.${name}.name`)), h("dd", null, t(`guide.${name}`))])));
}
