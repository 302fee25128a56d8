// The region of the world that the owner tells: one of the policy's list, or none. Loaded when somebody wants it.

import { h, t } from "/pages/shared.js";
import { bar, hint, on, openDialog, p } from "/pages/view.js";
import { post, state, tell, timed } from "/pages/store.js";

export function openRegion(row) {
  const { chosen, offered } = state.home.region;
  const select = h("select", { id: "region-select" }, ["", ...offered].map((name) =>
    h("option", { value: name, selected: name === chosen }, t(name ? `value.${name}` : "regions.none"))));
  const box = openDialog("region-dialog", t("regions.label"), hint(t("regions.text")),
    h("form", { "data-act": "save_region" },
      p(h("label", { for: "region-select" }, t("regions.label")), select),
      !row.allowed && hint(t("regions.off")),
      bar(h("button", { type: "submit", class: "main", id: "region-save" }, t("save")))));
  on("save_region", async () => {
    await timed("set_region", () => post("set_region", { region: select.value }));
    box.close();
    tell(t("regions.done"));
  });
}
