// What happens now: what left today, what was refused and why.

import { ask, h, t, tn } from "/pages/shared.js";
import { button, bytes, card, clock, marked, number, on, same, title, who, why, p, named } from "/pages/view.js";
import { state } from "/pages/store.js";
import { full } from "/pages/choices.js";
import { showPayloads } from "/pages/history.js";

export function sentToday() {
  const rows = state.home.today;
  return card("today", t("today.title"),
    rows.length
      ? h("ul", { class: "lines" }, rows.map((row) => h("li", marked(row),
          named(title(row),
            t("today.row", { messages: tn("messages", row.messages), bytes: bytes(row.bytes), who: who(row) })),
          full() && button("look", t("look"), { ...marked(row), class: "quiet", "aria-label": t("look.of", { what: title(row) }) }))))
      : p(t("today.none")));
}

export function refusedNow() {
  const rows = state.home.refused;
  return card("refused", t("refused.title"),
    rows.length
      ? h("ul", { class: "lines" }, rows.slice(0, 5).map((row) => h("li", { "data-reason": row.reason },
          named(row.purpose ? title(row) : t("refused.something"), why(row)),
          h("span", { class: "hint" }, t("refused.count", { n: number(row.count), time: clock(row.time) })))))
      : p(t("refused.none")));
}

on("look", async (data) => {
  const found = await ask("/api/timeline?count=100");
  const rows = found.entries.filter((row) => row.viewable && same(row, data));
  await showPayloads(rows, state.home.purposes.find((row) => same(row, data)) || data);
});
