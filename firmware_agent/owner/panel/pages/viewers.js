// Programs on the owner's network that show the camera: who they are, and taking it away. admit.js lets one in.

import { h, t } from "/pages/shared.js";
import { bar, button, card, hint, moment, on, pairId, same, strong, title, who, p, warn } from "/pages/view.js";
import { may, post, state, tell, timed } from "/pages/store.js";

export const named = (row) => `${title(row)} → ${who(row)}`;

export function viewers() {
  const { viewers: rows, plain_port: port, plain_trouble: closed, plain_local: near } = state.home.camera;
  return card("viewers", t("viewers.title"), p(t("viewers.text")),
    rows.length > 0 && h("ul", { class: "lines" }, rows.map(line)),
    !rows.length && p(strong(t("viewers.none"))),
    closed && warn({ id: "plain-closed" }, p(t("viewers.closed", { why: closed }))),
    port > 0 && !near && warn({ id: "plain-port" }, strong(t("viewers.plain.title")), p(t("viewers.plain", { port }))),
    may("add_viewer") ? bar(button("viewer_form", t("viewers.add"), { class: "main", id: "viewer-add" })) : hint(t("owner_only")));
}

function line(row) {
  const found = state.home.purposes.find((one) => same(one, row));
  return h("li", { id: `viewer-${pairId({ purpose: row.name, recipient: "" })}`, "data-viewer": row.name, "data-active": String(row.active) },
    h("span", { class: "grow" }, strong(row.name), " ", row.active && h("span", { class: "badge open" }, t("viewers.looks")), h("br"),
      h("span", { class: "hint" }, found ? named(found) : row.purpose, " · ", t(`viewers.way.${row.way}`), " · ", t("people.since", { time: moment(row.since) })),
      found && !found.allowed && [h("br"), h("span", { class: "hint" }, t("viewers.waits"))]),
    may("remove_viewer") && button("viewer_remove", t("remove"), { class: "quiet", "data-name": row.name, "aria-label": t("remove.of", { name: row.name }) }));
}

on("viewer_remove", async (data) => {
  await timed("remove_viewer", () => post("remove_viewer", { name: data.name }));
  tell(t("remove.done", { name: data.name }));
});

on("viewer_form", async () => (await import("/pages/admit.js")).openForm());
