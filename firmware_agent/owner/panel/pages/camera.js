// The camera: whether it is on and who looks, and what can be done about it.

import { byId, h, put, say, t } from "/pages/shared.js";
import { bar, button, card, clock, closeDialog, hint, icon, marked, on, pairId, openDialog, plainly, problem, same, strong, title, who, p, warn } from "/pages/view.js";
import { may, note, post, redraw, refresh, state, tell, timed, widen } from "/pages/store.js";
import { full } from "/pages/choices.js";
import { viewers } from "/pages/viewers.js";

const whole = (crop) => !crop?.[2] || !crop[3] || crop.join(" ") === "0 0 1000 1000"; // four zeros are all of it

export const isThere = () => state.home.camera.there !== false;
export const hasView = () => state.home.camera.there === true;
export const liveRow = () => state.home.purposes.find((row) => same(row, state.home.camera.live || { purpose: "live_view", recipient: "owner" }));
const find = (data) => state.home.purposes.find((row) => same(row, data));
const sees = () => state.home.you.role !== "service";

// How things stand, in a word.
export const heading = () => {
  const { on, covered } = state.home.camera;
  return t(covered ? "camera.shut" : on ? "camera.on" : "camera.off");
};

export function cameraCard() {
  const { on: active, covered, trouble, watching } = state.home.camera;
  const rows = watching.map((one) => h("li", { "data-viewer": one.viewer || null },
    strong(one.viewer || who(one)), " · ", t("camera.watches", { what: title(find(one) || one), since: clock(one.since) })));
  return h("section", { class: active ? "card open" : "card", id: "camera", "data-on": String(active), "data-covered": String(Boolean(covered)), "aria-labelledby": "camera-title" },
    h("div", { class: "card-head" }, icon("camera"), h("h2", { id: "camera-title", tabindex: -1 }, heading())),
    covered && p(t("camera.covered")),
    trouble && warn({ id: "camera-trouble" }, p(say(`trouble.${trouble}`, trouble))),
    rows.length ? h("ul", { class: "plain" }, rows) : p(t("camera.nobody")),
    hasView() && watchBar());
}

function watchBar() {
  const row = liveRow();
  const further = state.view !== "camera" && h("a", { class: "button", href: "#/camera", id: "camera-more" }, t("camera.more"));
  if (!row || !sees()) return further && bar(further);
  if (row.allowed) return bar(button("watch", [icon("play"), t("watch")], { ...marked(row), class: "main", id: "watch" }), further);
  return [hint(t(full() ? "watch.needs" : "watch.owner", { what: title(row) })), bar(full() && decide(row, "watch-decide"), further)];
}

// Leads to the choice about a purpose.
const decide = (row, id) => button("show_card", t("decide.of", { what: title(row) }), { ...marked(row), id });

export const cameraView = () => h("div", { class: "columns even" }, h("div", null, cameraCard(), bed()), h("div", null, viewers()));

function bed() {
  const { crop, can_crop: can } = state.home.camera;
  const row = liveRow();
  const part = !whole(crop);
  return card("bed", t("crop.title"), p(t("crop.text")),
    can && h("p", { id: "crop-now" }, strong(t(part ? "crop.part" : "crop.whole"))),
    !can ? hint(t("crop.cannot"))
      : !may("set_crop") ? hint(t("owner_only"))
      : !row?.allowed ? [hint(t("watch.needs", { what: row ? title(row) : t("live.title") })), row && bar(decide(row, "crop-decide"))]
      : bar(button("crop", t(part ? "crop.change" : "crop.do"), { class: part ? null : "main", id: "crop" }),
            part && button("crop_none", t("crop.none"), { id: "crop-none" })));
}

// What a choice card offers once it is allowed.
export function offers(row) {
  if (!hasView() || !row.allowed || !sees()) return null;
  if (same(row, liveRow() || {})) return button("watch", [icon("play"), t("watch")], marked(row));
  if (row.purpose === "support_photo" && may("send_photo")) return button("photo", [icon("camera"), t("photo.do")], { ...marked(row), id: "photo" });
  return null;
}

// --- Doing; what shows pictures is loaded when it is wanted ---

on("watch", async (data) => (await import("/pages/live.js")).openLive(find(data)));
on("crop", async () => (await import("/pages/crop.js")).openCrop(liveRow()));
on("crop_none", async () => {
  await timed("set_crop", () => widen("set_crop", { left: 0, top: 0, width: 0, height: 0 }));
  tell(t("crop.done.whole"));
});

on("show_card", async (data) => {
  closeDialog();
  if (state.view !== "now") {
    const routed = new Promise((done) => window.addEventListener("hashchange", done, { once: true }));
    location.hash = "#/now";
    await routed;
  }
  const box = byId(`purpose-${pairId(find(data))}`);
  if (!box) return; // the first run stands there: it asks about this, too
  const group = box.closest("details");
  if (group) group.open = true;
  box.scrollIntoView({ block: "start" });
  box.focus({ preventScroll: true });
});

on("photo", async (data) => {
  const row = find(data);
  const live = liveRow();
  const wrong = problem();
  const view = live?.allowed && (await import("/pages/live.js")).liveView(live);
  const box = openDialog("photo-dialog", t("photo.title"), p(t("photo.text", { who: who(row) })),
    view ? [view.box, hint(t("photo.seen"))] : hint(t("photo.unseen")), wrong,
    bar(button("send_photo", t("photo.send"), { ...marked(row), class: "main", id: "photo-send" }), button("close", t("cancel"))));
  if (!view) return;
  box.classList.add("wide");
  box.addEventListener("close", () => view.end());
  view.begin();
});
on("send_photo", async (data, element) => {
  const row = find(data);
  const box = element.closest("dialog");
  try {
    await post("send_photo", { purpose: row.purpose, recipient: row.recipient });
  } catch (fault) {
    await refresh().catch(() => null);
    if (!box.isConnected) throw fault;
    const { covered, trouble } = state.home.camera;
    put(box.querySelector(".problem"), covered ? t("camera.covered") : plainly(fault, trouble));
    return;
  }
  closeDialog();
  note(row, t("photo.done", { who: who(row) }), "send_photo");
  await refresh().catch(redraw);
});
