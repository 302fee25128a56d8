// Who may see this page: paired phones, people who are invited, service for a case; and who is old enough.

import { ask, byId, forgetKey, h, put, t } from "/pages/shared.js";
import { bar, button, card, closeDialog, complain, confirm, hint, icon, moment, number, on, openDialog, problem, role, p, strong } from "/pages/view.js";
import { may, post, redraw, refresh, state, tell, timed, widen } from "/pages/store.js";

const ROLES = ["owner", "guardian", "viewer", "service"];

// Service access stands on the first view for as long as it lasts.
export function service() {
  return state.home.service.map((one) => h("section", { class: "card open", id: `service-${one.key}`, "aria-label": t("service.title") },
    h("div", { class: "card-head" }, icon("person"), h("h2", null, t("service.title"))),
    p(t("service.text", { name: one.name, case: one.case, time: moment(one.until) })),
    may("end_service") && button("end_service", t("service.end"), { class: "main", "data-key": one.key })));
}

function phones() {
  const { people: rows } = state.home;
  return card("people", t("people.title"), hint(t("people.text")),
    h("ul", { class: "lines" }, rows.map((one) => h("li", { id: `phone-${one.key}`, "data-role": one.role },
      h("span", { class: "grow" }, strong(one.name || role(one.role)), " ", one.you && h("span", { class: "tag" }, t("people.you")), h("br"),
        h("span", { class: "hint" }, role(one.role), " · ", t("people.since", { time: moment(one.since) }), one.until && [" · ", t("card.until", { time: moment(one.until) })])),
      !one.you && may("remove") && button("remove", t("remove"), { class: "quiet", "data-key": one.key, "data-name": one.name, "aria-label": t("remove.of", { name: one.name }) })))),
    !state.home.you.key && hint(t("people.keyless")),
    bar(
      may("invite") && button("invite", t("invite"), { class: "main", id: "invite" }),
      may("leave") && button("leave", t("leave"), { id: "leave" })));
}

function age() {
  const { age: found } = state.home;
  const label = { minor: "age.minor", of_age: "age.of_age" }[found.state] || "age.unknown";
  return h("section", { class: "card", id: "age", "data-age": found.state, "aria-labelledby": "age-title" },
    h("h2", { id: "age-title" }, t("age.title")), p(t(label, { age: found.threshold })), hint(t("age.text")),
    bar(
      found.state !== "minor" && may("declare_minor") && button("minor", t("age.minor.do"), { id: "declare-minor" }),
      found.state !== "of_age" && may("declare_of_age") && button("of_age", t("age.of_age.do", { age: found.threshold }), { id: "declare-of-age" })));
}

export function people() {
  return h("div", { class: "columns even" }, h("div", null, phones()), h("div", null, service(), age()));
}

// --- Doing ---

on("end_service", async (data) => {
  await timed("end_service", () => post("end_service", { key: data.key }));
  tell(t("service.ended"));
});
on("minor", async () => {
  await timed("declare_minor", () => post("declare_minor"));
  tell(t("minor.done"));
  byId("age").dataset.done = "declare_minor";
});
on("of_age", async () => {
  await timed("declare_of_age", () => widen("declare_of_age", {}));
  tell(t("age.done"));
});
on("remove", async (data) => {
  if (!(await confirm("remove-dialog", t("remove.sure", { name: data.name }), t("remove.text"), t("remove")))) return;
  await timed("remove", () => widen("remove", { key: data.key }));
  tell(t("remove.done", { name: data.name }));
});
on("leave", async () => {
  if (!(await confirm("leave-dialog", t("leave.sure"), t("leave.text"), t("leave")))) return;
  await ask("/api/leave", {});
  await forgetKey();
  sessionStorage.setItem("left", "1");
  location.replace("/");
});

on("invite", async () => {
  const wrong = problem();
  openDialog("invite-dialog", t("invite"),
    h("form", { "data-act": "send_invite", id: "invite-form" },
      h("fieldset", { id: "invite-role" }, h("legend", null, t("invite.role")), ROLES.filter((name) => name !== "guardian" || state.home.age.guardian).map((name) => h("label", { class: "option" },
        h("input", { type: "radio", name: "role", value: name, checked: name === "viewer", "data-act": "invite_role" }), h("span", null, strong(role(name)), h("br"), h("span", { class: "hint" }, t(`role.${name}.text`)))))),
      h("div", { id: "invite-service", hidden: true },
        p(h("label", { for: "invite-case" }, t("invite.case")), h("input", { id: "invite-case", maxlength: 40, autocomplete: "off", "aria-describedby": "case-hint" }), h("span", { class: "hint", id: "case-hint" }, t("invite.case.hint"))),
        p(h("label", { for: "invite-hours" }, t("invite.hours")), h("input", { id: "invite-hours", class: "short", type: "number", min: 1, max: 72, value: 2 }))),
      wrong, bar(h("button", { type: "submit", class: "main", id: "invite-send" }, t("invite.do")), button("close", t("cancel")))));
});
on("invite_role", async (data, input) => {
  byId("invite-service").hidden = input.value !== "service";
});
on("send_invite", async (data, form) => {
  const chosen = form.elements.role.value;
  const values = { role: chosen, hours: 0, case: "" };
  const wrong = form.querySelector(".problem");
  if (chosen === "service") {
    const [hours, about] = ["#invite-hours", "#invite-case"].map((name) => form.querySelector(name));
    Object.assign(values, { hours: Number(hours.value), case: about.value.trim() });
    const bad = !/^[A-Za-z0-9 ._#/-]{1,40}$/.test(values.case) ? about : !(Number.isInteger(values.hours) && values.hours >= 1 && values.hours <= 72) ? hours : null;
    if (bad) {
      put(wrong, t(bad === about ? "invite.case.wrong" : "invite.hours.wrong"));
      bad.focus();
      return;
    }
  }
  try {
    showInvitation(values, await widen("invite", values));
  } catch (fault) {
    if (!form.isConnected) throw fault;
    complain(wrong, fault);
  }
});

function showInvitation(values, found) {
  const left = h("span", { id: "invite-left" });
  const box = openDialog("invitation-dialog", t("invitation.title", { role: role(values.role) }),
    p(t("invitation.text")),
    h("img", { class: "qr", id: "invite-qr", alt: t("invitation.qr"), src: `data:image/svg+xml,${encodeURIComponent(found.qr)}` }),
    p(t("invitation.code")), h("p", { class: "code shown", id: "invite-code" }, found.code.replace(/(\d{4})(?=\d)/, "$1 ")),
    hint(h("span", { class: "long" }, found.url.replace(/#.*/, ""))), hint(left),
    bar(button("close", t("done"), { class: "main" })));
  const end = Date.now() + found.seconds * 1000;
  const tick = () => {
    const seconds = Math.max(0, Math.round((end - Date.now()) / 1000));
    put(left, t("invitation.left", { time: `${number(Math.floor(seconds / 60))}:${String(seconds % 60).padStart(2, "0")}` }));
    if (!seconds) closeDialog();
  };
  tick();
  const timer = setInterval(tick, 1000);
  box.addEventListener("close", () => {
    clearInterval(timer);
    refresh().catch(redraw);
  });
}
