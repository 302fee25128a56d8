// Showing only a part: a rectangle on the live picture, by pointer, touch, arrow keys or numbers.

import { h, put, t } from "/pages/shared.js";
import { bar, button, closeDialog, complain, hint, number, on, openDialog, problem, p } from "/pages/view.js";
import { state, tell, timed, widen } from "/pages/store.js";
import { liveView } from "/pages/live.js";

const LEAST = 50; // thousandths of what is shown
const STEP = 10;
const CORNERS = ["nw", "ne", "sw", "se"];
const PARTS = ["left", "top", "width", "height"];

const within = (value, least, most) => Math.round(Math.min(Math.max(value, least), most));

// Thousandths of the whole picture, of a rectangle on what is shown now: `crop` is what is shown.
export function composed(crop, one) {
  const [left, top, width, height] = crop;
  const found = {
    left: within(left + (one.left * width) / 1000, 0, 1000 - LEAST), top: within(top + (one.top * height) / 1000, 0, 1000 - LEAST),
    width: Math.round((one.width * width) / 1000), height: Math.round((one.height * height) / 1000),
  };
  found.width = within(found.width, 1, 1000 - found.left);
  found.height = within(found.height, 1, 1000 - found.top);
  return found;
}

export function openCrop(row) {
  const { crop } = state.home.camera;
  const shown = crop[2] && crop[3] ? [...crop] : [0, 0, 1000, 1000]; // the picture under the rectangle is this part
  const one = { left: 100, top: 100, width: 800, height: 800 };
  const rect = h("div", { class: "rect", id: "crop-rect", tabindex: 0, role: "application", "aria-roledescription": t("crop.rect"), "aria-label": t("crop.title"), "aria-describedby": "crop-keys crop-at" },
    CORNERS.map((name) => h("span", { class: `corner ${name}`, "data-corner": name })));
  const at = h("p", { id: "crop-at", class: "hint", "aria-live": "polite" });
  const save = button("save_crop", t("crop.save"), { class: "main", id: "crop-save", disabled: true });
  const wrong = problem();
  const view = liveView(row, () => {
    save.disabled = false;
  });
  const inputs = Object.fromEntries(PARTS.map((name) => [name, h("input", { id: `crop-${name}`, class: "short", type: "number", min: 0, max: 100, step: 1 })]));

  function show() {
    one.width = within(one.width, LEAST, 1000);
    one.height = within(one.height, LEAST, 1000);
    one.left = within(one.left, 0, 1000 - one.width);
    one.top = within(one.top, 0, 1000 - one.height);
    for (const name of PARTS) {
      rect.style.setProperty(name, `${one[name] / 10}%`);
      if (document.activeElement !== inputs[name]) inputs[name].value = Math.round(one[name] / 10);
    }
    const percent = Object.fromEntries(PARTS.map((name) => [name, number(Math.round(one[name] / 10))]));
    put(at, t("crop.at", percent));
  }

  // By the keyboard: arrows move, with Shift they make it larger and smaller.
  rect.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] }[event.key];
    if (!by) return;
    event.preventDefault();
    if (event.shiftKey) [one.width, one.height] = [within(one.width + by[0], LEAST, 1000 - one.left), within(one.height + by[1], LEAST, 1000 - one.top)];
    else [one.left, one.top] = [one.left + by[0], one.top + by[1]];
    show();
  });

  // By pointer or touch: a corner resizes, the rectangle moves, anywhere else a new one begins.
  let drag = null;
  const place = (event) => {
    const { left, top, width, height } = view.stage.getBoundingClientRect();
    return [within(((event.clientX - left) / width) * 1000, 0, 1000), within(((event.clientY - top) / height) * 1000, 0, 1000)];
  };
  view.stage.addEventListener("pointerdown", (event) => {
    const [x, y] = place(event);
    const corner = event.target.dataset.corner;
    if (corner) drag = { fixed: [one.left + (corner.endsWith("w") ? one.width : 0), one.top + (corner.startsWith("n") ? one.height : 0)] };
    else if (event.target === rect) drag = { grip: [x - one.left, y - one.top] };
    else drag = { fixed: [x, y] };
    view.stage.setPointerCapture(event.pointerId);
    rect.focus();
    event.preventDefault();
  });
  view.stage.addEventListener("pointermove", (event) => {
    if (!drag) return;
    const [x, y] = place(event);
    if (drag.grip) {
      [one.left, one.top] = [x - drag.grip[0], y - drag.grip[1]];
    } else {
      const [fx, fy] = drag.fixed;
      Object.assign(one, { left: Math.min(fx, x), top: Math.min(fy, y), width: Math.abs(fx - x), height: Math.abs(fy - y) });
    }
    show();
  });
  const drop = () => {
    drag = null;
  };
  view.stage.addEventListener("pointerup", drop);
  view.stage.addEventListener("pointercancel", drop);

  for (const name of PARTS) {
    inputs[name].addEventListener("change", () => {
      one[name] = Number(inputs[name].value) * 10;
      inputs[name].blur();
      show();
    });
  }
  view.stage.append(rect);
  view.stage.classList.add("drawing");
  const box = openDialog("crop-dialog", t("crop.title"), hint(t("crop.how")), view.box, at, h("p", { class: "unseen", id: "crop-keys" }, t("crop.keys")),
    h("details", { id: "crop-numbers" }, h("summary", null, t("crop.numbers")),
      h("div", { class: "numbers" }, PARTS.map((name) => p(h("label", { for: `crop-${name}` }, t(`crop.${name}`)), inputs[name])))),
    wrong, bar(save, button("close", t("cancel"))));
  box.classList.add("wide");
  box.addEventListener("close", () => view.end());
  on("save_crop", async () => {
    const values = composed(shown, one);
    try {
      await timed("set_crop", () => widen("set_crop", values));
    } catch (fault) {
      if (!box.isConnected) throw fault;
      complain(wrong, fault);
      return;
    }
    closeDialog();
    tell(t("crop.done"));
  });
  show();
  view.begin();
}
