// What the law gives: see and take along, correct, object, have deleted, erase.

import { Fault, forgetKey, h, language, put, t } from "/pages/shared.js";
import { button, confirm, icon, moment, on, openDialog, pairId, same, title, who } from "/pages/view.js";
import { may, post, refresh, state, tell, timed, widen } from "/pages/store.js";
import { full, pair } from "/pages/choices.js";

function region(code) {
  try {
    return /^[A-Z]{2}$/.test(code) ? new Intl.DisplayNames(language, { type: "region", fallback: "none" }).of(code) || "" : "";
  } catch {
    return "";
  }
}

const card = (id, heading, ...content) => h("section", { class: "card", id, "aria-labelledby": `${id}-title` }, h("h2", { id: `${id}-title`, tabindex: -1 }, heading), content);

function takeAlong() {
  return card("archive", t("archive.title"), h("p", null, t("archive.text")),
    full() ? h("p", null, h("a", { class: "button main", href: "/archive.zip", download: "my-printer-data.zip", id: "download" }, icon("file"), t("archive.do"))) : h("p", { class: "hint" }, t("owner_only")));
}

function correct() {
  const { device } = state.home;
  return card("correct", t("correct.title"), h("p", null, t("correct.text")),
    may("correct")
      ? h("form", { "data-act": "correct", id: "correct-form" },
          h("p", null, h("label", { for: "correct-name" }, t("correct.name")), h("input", { id: "correct-name", maxlength: 40, value: device.name, autocomplete: "off" })),
          h("p", null, h("label", { for: "correct-region" }, t("correct.region")),
            h("input", { id: "correct-region", class: "short", maxlength: 2, value: device.region, autocomplete: "off", pattern: "[A-Za-z]{2}", "aria-describedby": "region-name" }),
            h("span", { class: "hint", id: "region-name" }, region(device.region) || t("correct.region.hint"))),
          h("div", { class: "row" }, h("button", { type: "submit", class: "main", id: "correct-save" }, t("save"))))
      : h("p", { class: "hint" }, t("owner_only")));
}

function objections() {
  const { purposes, requests } = state.home;
  return card("object", t("object.title"), h("p", null, t("object.text")),
    h("ul", { class: "lines" }, purposes.map((row) => {
      const request = requests.find((one) => same(one, row));
      const marks = { "data-purpose": row.purpose, "data-recipient": row.recipient };
      const said = state.said.get(pairId(row));
      return h("li", { id: `rights-${pairId(row)}`, class: "stack", "data-done": said?.done },
        h("span", { class: "grow" }, h("strong", null, title(row)), h("br"), who(row), h("br"),
          request && h("span", { class: "hint", "data-request": request.acknowledged ? "acknowledged" : "asked" }, t(request.acknowledged ? "delete.acknowledged" : "delete.asked", { time: moment(request.asked) }))),
        said && h("p", { class: "done", role: "status" }, icon("check"), said.text),
        h("div", { class: "row" },
          may("object") && button("object", t("object.do"), { ...marks, "aria-label": t("object.of", { what: title(row) }) }),
          may("delete_upstream") && button("delete", t("delete.do"), { ...marks, "aria-label": t("delete.of", { what: title(row), who: who(row) }) })));
    })));
}

function erase() {
  return card("erase", t("erase.title"), h("p", null, t("erase.text")), h("p", { class: "hint" }, t("erase.before")),
    may("erase") ? button("erase", t("erase.do"), { class: "stop", id: "erase-do" }) : h("p", { class: "hint" }, t("owner_only")));
}

function about() {
  const { device } = state.home;
  return card("about", t("about.title"), h("dl", { class: "facts" },
    [["about.maker", device.maker], ["about.policy", `${device.profile} ${device.version}`]].map(([key, value]) => h("div", null, h("dt", null, t(key)), h("dd", null, value)))),
    h("p", { class: "hint" }, t("about.text")));
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
    await post("delete_upstream", pair(row));
    remember(row, "delete.done", "delete_upstream");
  });
});
on("correct", async (data, form) => {
  const code = document.getElementById("correct-region").value.trim().toUpperCase();
  const hint = document.getElementById("region-name");
  if (code && !region(code)) {
    put(hint, t("correct.region.wrong"));
    document.getElementById("correct-region").setAttribute("aria-invalid", "true");
    document.getElementById("correct-region").focus();
    return;
  }
  await timed("correct", () => post("correct", { name: document.getElementById("correct-name").value.trim(), region: code }));
  form.dataset.done = "correct";
  tell(t("correct.done"));
});
on("erase", async () => {
  if (!(await confirm("erase-dialog", t("erase.sure"), [t("erase.text"), t("erase.sure.text")], t("erase.do"), true))) return;
  const found = await widen("erase", {});
  await forgetKey();
  sessionStorage.setItem("left", "1");
  const text = JSON.stringify(found, null, 2);
  const file = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  const box = openDialog("erased-dialog", t("erase.done"), h("p", null, t("erase.done.text")), h("pre", { class: "text", tabindex: 0, id: "erase-receipt" }, text),
    h("div", { class: "row" }, h("a", { class: "button main", href: file, download: "erase-receipt.json", id: "erase-save" }, t("erase.save"))));
  box.addEventListener("close", () => location.replace("/"));
});

export { Fault, refresh };
