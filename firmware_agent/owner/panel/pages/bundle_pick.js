// What goes into the support bundle: a tick box each. The serial number and G-code are unticked.

import { h, say, t } from "/pages/shared.js";
import { bar, card, p, strong, warn } from "/pages/view.js";

// found: the printer's answer. picked: name -> ticked, of what somebody touched; null before.
export function pick(found, picked) {
  const working = found.state === "working";
  const made = found.state === "ready";
  const ticked = (one) => !one.missing && (picked?.[one.name] ?? one.ticked);
  return card("support", t("support.title"), p(t("support.text")),
    found.trouble && warn({ id: "bundle-trouble" }, p(found.trouble)),
    h("form", { "data-act": "bundle_make", id: "bundle-form" },
      h("fieldset", null, h("legend", null, t("support.pick")),
        found.choices.map((one) => tick(one.name, ticked(one), Boolean(one.missing), one.missing ? t("support.missing", { why: say(`support.why.${one.missing.replace(/[^a-z]+/g, "_")}`, one.missing) }) : t(`support.about.${one.name}`))),
        tick("serial", Boolean(found.serial && picked?.serial), !found.serial, t(found.serial ? "support.about.serial" : "support.serial.none"))),
      working
        ? p(h("label", { for: "bundle-progress" }, t("support.working")), h("progress", { id: "bundle-progress", max: 1, value: found.done }))
        : bar(h("button", { type: "submit", class: made ? null : "main", id: "bundle-make" }, t(made ? "support.again" : "support.make")))));
}

function tick(name, on, off, about) {
  return h("label", { class: "option tick", for: `tick-${name}` },
    h("input", { type: "checkbox", id: `tick-${name}`, "data-act": "bundle_tick", "data-name": name, checked: on, disabled: off }),
    h("span", null, strong(t(`support.part.${name}`)), h("br"), h("span", { class: "hint" }, about)));
}
