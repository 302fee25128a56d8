// The live picture on this page: drawn onto a canvas, kept nowhere, and gone when nobody looks at it.

import { Fault, h, put, t } from "/pages/shared.js";
import { bar, button, hint, openDialog, p, plainly, same, warn } from "/pages/view.js";
import { refresh, state } from "/pages/store.js";
import { makeKey, watch } from "/pages/watch.js";

const OLD = 3000; // ms after which a picture is not called live

// {box, again, begin, end}: box has the picture and one line about it. drawn: called at each new picture.
export function liveView(row, drawn = () => {}) {
  const canvas = h("canvas", { role: "img", "aria-label": t("live.alt"), width: 4, height: 3 });
  const said = h("p", { class: "live-said", role: "status" });
  const stage = h("div", { class: "stage" }, canvas);
  const again = button("watch_again", t("live.again"), { class: "main", hidden: true });
  const box = h("div", { class: "live", "data-live": "closed" }, stage, said, again);
  let keys = null;
  let stop = null; // of the stream that runs
  let last = 0;
  let open = false;

  const show = (name, words) => {
    if (box.dataset.live !== name) box.dataset.live = name;
    if (said.textContent !== words) put(said, words);
    again.hidden = !["ended", "unreached"].includes(name);
  };
  const clear = () => {
    canvas.width = canvas.width; // forgets what was drawn
    box.dataset.drawn = "no";
  };
  const draw = async (bytes) => {
    let picture;
    try {
      picture = await createImageBitmap(new Blob([bytes], { type: "image/jpeg" }));
    } catch {
      return; // this one is damaged; the next one comes
    }
    if (open && stop && !state.home.camera.covered) {
      if (canvas.width !== picture.width || canvas.height !== picture.height) {
        [canvas.width, canvas.height] = [picture.width, picture.height];
        stage.style.setProperty("--ratio", picture.width / picture.height);
      }
      canvas.getContext("2d").drawImage(picture, 0, 0);
      box.dataset.drawn = "yes";
      last = Date.now();
      show("live", t("live.on"));
      drawn();
    }
    picture.close();
  };

  async function run() {
    const mine = new AbortController();
    stop = mine;
    last = Date.now();
    show("waiting", t("live.waiting"));
    let fault = null;
    try {
      await watch(row.purpose, row.recipient, keys, mine.signal, draw, () => {});
    } catch (found) {
      fault = found;
    }
    if (stop !== mine) return; // somebody here ended it
    stop = null;
    clear();
    await refresh().catch(() => null);
    if (open && !stop) show(...why(fault));
  }

  // Why it ended, in words.
  function why(fault) {
    const now = state.home.purposes.find((one) => same(one, row));
    if (!state.reached) return ["unreached", t("reason.unreachable")];
    if (!now?.allowed) return ["withdrawn", t("live.withdrawn")];
    if (fault instanceof Fault && fault.name !== "unreachable") return ["ended", plainly(fault, state.home.camera.trouble)];
    return ["ended", state.home.camera.trouble || t("live.ended")];
  }

  function look() {
    if (!stop) return;
    if (state.home.camera.covered) {
      clear();
      last = Date.now();
      show("covered", t("camera.covered"));
    } else if (Date.now() - last > OLD) {
      const stands = box.dataset.drawn === "yes";
      show(stands ? "old" : "waiting", t(stands ? "live.old" : "live.waiting"));
    }
  }

  function halt() {
    const was = stop;
    stop = null;
    was?.abort();
    clear();
  }

  // A tab that nobody sees needs no picture, and the camera goes off.
  function seen() {
    if (document.hidden && stop) {
      halt();
      show("paused", t("live.paused"));
    } else if (!document.hidden && box.dataset.live === "paused") {
      run();
    }
  }

  let timer = null;
  async function begin() {
    open = true;
    keys = await makeKey();
    if (!keys) return show("unable", t(window.isSecureContext ? "live.unable" : "live.plain"));
    timer = setInterval(look, 500);
    document.addEventListener("visibilitychange", seen);
    return document.hidden ? show("paused", t("live.paused")) : run();
  }

  function end() {
    open = false;
    clearInterval(timer);
    document.removeEventListener("visibilitychange", seen);
    halt();
    keys = null;
    show("closed", "");
  }

  again.addEventListener("click", () => {
    if (!stop) run();
  });
  return { box, canvas, stage, begin, end };
}

// The live view in a dialog of its own.
export function openLive(row) {
  const view = liveView(row);
  const { trouble } = state.home.camera;
  const box = openDialog("live-dialog", t("live.title"), view.box, trouble && warn(null, p(trouble)), hint(t("live.text")),
    bar(button("close", t("live.stop"), { class: "main", id: "live-stop" })));
  box.classList.add("wide");
  box.addEventListener("close", () => view.end());
  view.begin();
}
