// What happens now: the camera, what left today, what was refused and why.

import { ask, h, t, tn } from "/pages/shared.js";
import { bytes, clock, icon, number, on, same, title, who, why } from "/pages/view.js";
import { state } from "/pages/store.js";
import { full } from "/pages/choices.js";
import { showPayloads } from "/pages/history.js";

export function camera() {
  const { on: active, watching } = state.home.camera;
  return h("section", { class: active ? "card open" : "card", id: "camera", "data-on": String(active), "aria-labelledby": "camera-title" },
    h("div", { class: "card-head" }, icon("camera"), h("h2", { id: "camera-title" }, t(active ? "camera.on" : "camera.off"))),
    watching.length
      ? h("ul", { class: "plain" }, watching.map((one) => h("li", null, t("camera.watches", { who: one.who, what: title({ purpose: one.purpose }), since: clock(one.since) }))))
      : h("p", null, t("camera.nobody")));
}

export function sentToday() {
  const rows = state.home.today;
  return h("section", { class: "card", id: "today", "aria-labelledby": "today-title" },
    h("h2", { id: "today-title" }, t("today.title")),
    rows.length
      ? h("ul", { class: "lines" }, rows.map((row) => h("li", { "data-purpose": row.purpose, "data-recipient": row.recipient },
          h("span", { class: "grow" }, h("strong", null, title(row)), h("br"),
            t("today.row", { messages: tn("messages", row.messages), bytes: bytes(row.bytes), who: who(row) })),
          full() && h("button", { type: "button", class: "quiet", "data-act": "look", "data-purpose": row.purpose, "data-recipient": row.recipient, "aria-label": t("look.of", { what: title(row) }) }, t("look")))))
      : h("p", null, t("today.none")));
}

export function refusedNow() {
  const rows = state.home.refused;
  return h("section", { class: "card", id: "refused", "aria-labelledby": "refused-title" },
    h("h2", { id: "refused-title" }, t("refused.title")),
    rows.length
      ? h("ul", { class: "lines" }, rows.slice(0, 5).map((row) => h("li", { "data-reason": row.reason },
          h("span", { class: "grow" }, h("strong", null, row.purpose ? title(row) : t("refused.something")), h("br"), why(row)),
          h("span", { class: "hint" }, t("refused.count", { n: number(row.count), time: clock(row.time) })))))
      : h("p", null, t("refused.none")));
}

on("look", async (data) => {
  const found = await ask("/api/timeline?count=100");
  const rows = found.entries.filter((row) => row.viewable && same(row, data));
  await showPayloads(rows, state.home.purposes.find((row) => same(row, data)) || data);
});
