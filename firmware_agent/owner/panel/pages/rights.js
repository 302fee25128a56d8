// What the law gives: see and take along, correct, object, have deleted, erase.

import { ask, byId, forgetKey, h, language, t } from "/pages/shared.js";
import { bar, card, button, confirm, hint, icon, marked, moment, on, openDialog, pairId, same, title, who, p, named } from "/pages/view.js";
import { drawInto, may, post, redraw, state, tell, timed, widen } from "/pages/store.js";
import { full, pair } from "/pages/choices.js";

function region(code) {
  try {
    return /^[A-Z]{2}$/.test(code) ? new Intl.DisplayNames(language, { type: "region", fallback: "none" }).of(code) || "" : "";
  } catch {
    return "";
  }
}

function takeAlong() {
  return card("archive", t("archive.title"), p(t("archive.text")),
    full() ? p(h("a", { class: "button main", href: "/archive.zip", download: "my-printer-data.zip", id: "download" }, icon("file"), t("archive.do"))) : hint(t("owner_only")));
}

let wrongRegion = false; // stays said until it is put right, whatever is redrawn meanwhile

function correct() {
  const { device } = state.home;
  const about = wrongRegion ? t("correct.region.wrong") : region(device.region) || t("correct.region.hint");
  return card("correct", t("correct.title"), p(t("correct.text")),
    may("correct")
      ? h("form", { "data-act": "correct", id: "correct-form" },
          p(h("label", { for: "correct-name" }, t("correct.name")), h("input", { id: "correct-name", maxlength: 40, value: device.name, autocomplete: "off" })),
          p(h("label", { for: "correct-region" }, t("correct.region")),
            h("input", { id: "correct-region", class: "short", maxlength: 40, value: device.region, autocomplete: "off", pattern: "[A-Za-z]{2}", "aria-describedby": "region-name", "aria-invalid": wrongRegion ? "true" : null }),
            h("span", { class: "hint", id: "region-name" }, about)),
          bar(h("button", { type: "submit", class: "main", id: "correct-save" }, t("save"))))
      : hint(t("owner_only")));
}

function objections() {
  const { purposes, requests } = state.home;
  return card("object", t("object.title"), p(t("object.text")),
    h("ul", { class: "lines" }, purposes.map((row) => {
      const request = requests.find((one) => same(one, row));
      const said = state.said.get(pairId(row));
      return h("li", { id: `rights-${pairId(row)}`, class: "stack", "data-done": said?.done },
        named(title(row), who(row), h("br"),
          request && h("span", { class: "hint", "data-request": request.acknowledged ? "acknowledged" : "asked" }, t(request.acknowledged ? "delete.acknowledged" : "delete.asked", { time: moment(request.asked) }))),
        said && h("p", { class: "done", role: "status" }, icon("check"), said.text),
        bar(
          may("object") && button("object", t("object.do"), { ...marked(row), "aria-label": t("object.of", { what: title(row) }) }),
          may("delete_upstream") && !row.local && button("delete", t("delete.do"), { ...marked(row), "aria-label": t("delete.of", { what: title(row), who: who(row) }) })));
    })));
}

function erase() {
  return card("erase", t("erase.title"), p(t("erase.text")), hint(t("erase.before")),
    may("erase") ? button("erase", t("erase.do"), { class: "stop", id: "erase-do" }) : hint(t("owner_only")));
}

function about() {
  const { device } = state.home;
  return card("about", t("about.title"), h("dl", { class: "facts" },
    [["about.maker", device.maker], ["about.policy", `${device.profile} ${device.version}`]].map(([key, value]) => h("div", null, h("dt", null, t(key)), h("dd", null, value)))),
    hint(t("about.text")));
}

export function rights() {
  return h("div", { class: "columns even" }, h("div", null, takeAlong(), objections()), h("div", null, correct(), erase(), about()));
}

// --- Doing ---

const find = (data) => state.home.purposes.find((row) => same(row, data));

function remember(row, key, done) {
  state.said.clear();
  state.said.set(pairId(row), { text: t(key, { what: title(row), who: who(row) }), done });
}

on("object", async (data) => {
  const row = find(data);
  await timed("object", async () => {
    await post("object", pair(row));
    remember(row, "object.done", "object");
  });
});
on("delete", async (data) => {
  const row = find(data);
  await timed("delete_upstream", async () => {
    const { asked } = await post("delete_upstream", pair(row));
    remember(row, asked === false ? "delete.nothing" : row.answers ? "delete.done" : "delete.handed", "delete_upstream");
  });
});
on("correct", async (data, form) => {
  const code = byId("correct-region").value.trim().toUpperCase();
  wrongRegion = Boolean(code && !region(code));
  redraw();
  if (wrongRegion) {
    byId("correct-region").focus();
    return;
  }
  await timed("correct", () => post("correct", { name: byId("correct-name").value.trim(), region: code }));
  byId("correct-region").value = code;
  form.dataset.done = "correct";
  tell(t("correct.done"));
});
on("erase", async () => {
  if (!(await confirm("erase-dialog", t("erase.sure"), [t("erase.text"), t("erase.sure.text")], t("erase.do"), true))) return;
  state.over = true;
  const found = await widen("erase", {}).catch((fault) => {
    state.over = false;
    throw fault;
  });
  await forgetKey();
  sessionStorage.setItem("left", "1");
  const text = JSON.stringify(found, null, 2);
  const file = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  const box = openDialog("erased-dialog", t("erase.done"), p(t("erase.done.text")), h("pre", { class: "text", tabindex: 0, id: "erase-receipt" }, text),
    bar(h("a", { class: "button main", href: file, download: "erase-receipt.json", id: "erase-save" }, t("erase.save"))));
  box.addEventListener("close", async () => {
    drawInto("view", h("p", { role: "status" }, t("loading")));
    const up = () => ask("/doorbell").then(() => true, (fault) => fault.status > 0);
    for (let tries = 0; tries < 15 && !(await up()); tries++) await new Promise((done) => setTimeout(done, 1000));
    location.replace("/"); // the device has begun anew by then
  });
});
