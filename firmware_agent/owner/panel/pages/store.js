// What the page knows, and how it speaks with the printer once there is a session.

import * as shared from "/pages/shared.js";
import { button, closeDialog, complain, morph, on, openDialog, pairId, problem } from "/pages/view.js";

const { ask, byId, Fault, h, t } = shared;

// home: the printer's last answer; at: when; reached: did it answer the last time; device: its name for commands;
// said: notes on cards, by their id; stopped: what "stop everything" did; waits: it could not be told yet;
// over: an erase ends the session, and its receipt stays on the page.
export const state = { home: null, at: 0, reached: true, device: "", view: "now", said: new Map(), stopped: "", waits: false, over: false };

let draw = () => {};
export const drawWith = (work) => {
  draw = work;
};
export const redraw = () => draw();
export const may = (action) => state.home.you.may.includes(action);

// Redraws one part of the page; #view and its like stay where they are.
export function drawInto(id, ...content) {
  const old = byId(id);
  const fresh = h(old.nodeName.toLowerCase(), null, ...content);
  for (const { name, value } of old.attributes) fresh.setAttribute(name, value);
  morph(old, fresh);
}

// --- Reading ---

// Fetches home and redraws. A session that is over is opened anew by the phone's key, else the pairing page comes.
export async function refresh() {
  if (state.over) return undefined;
  try {
    state.home = await ask("/api/home");
  } catch (fault) {
    if (fault.status === 401) return state.over ? undefined : enterAgain();
    state.reached = false;
    redraw();
    throw fault;
  }
  took();
  return undefined;
}

function took() {
  shared.useToken(state.home.token);
  shared.useMachine(state.home.device.profile);
  state.at = Date.now();
  state.reached = true;
  redraw();
}

let entering = null;

function enterAgain() {
  entering ||= (async () => {
    try {
      if (!(await shared.login(await ask("/doorbell")))) throw new Fault("session_ended", "", 401);
      state.home = await ask("/api/home");
      took();
    } catch {
      location.replace("/"); // the pairing page says why
    } finally {
      entering = null;
    }
  })();
  return entering;
}

let said = () => {};
export const onSaid = (work) => {
  said = work;
};

// Follows the printer: at an event home is fetched anew, at most twice a second; what it says now is says.js's.
export function follow() {
  let source = null;
  let last = 0;
  let timer = null;
  const soon = () => {
    timer ||= setTimeout(async () => {
      timer = null;
      last = Date.now();
      await refresh().catch(later);
    }, Math.max(0, last + 500 - Date.now()));
  };
  const open = () => {
    source?.close();
    source = new EventSource("/api/events");
    source.onmessage = (event) => (event.data === '{"what":"said"}' ? said() : soon());
    source.onopen = () => {
      pause = 2000;
      soon();
    };
    source.onerror = () => {
      source.close();
      source = null;
      later();
    };
  };
  let again = null;
  let pause = 2000;
  const later = () => {
    again ||= setTimeout(async () => {
      again = null;
      try {
        await refresh();
        if (state.waits) await stopEverything();
        if (!source) open();
      } catch {
        later();
      }
    }, pause);
    pause = Math.min(15000, pause * 1.4);
  };
  open();
  setInterval(() => document.hidden || soon(), 30000); // a stream can end without a word
  document.addEventListener("visibilitychange", () => document.hidden || soon());
  window.addEventListener("online", soon);
}

// --- Doing ---

export const post = (action, values = {}, proof = null) => ask(`/api/do/${action}`, { arguments: values, proof });

// What widens is signed by the phone's key if it is the paired one; else the printer shows a code to type.
export async function widen(action, values) {
  const { you } = state.home;
  const key = you.key ? await shared.phoneKey() : null;
  if (!key || key.id !== you.key) return askCode(action, values);
  state.device ||= (await ask("/doorbell")).device;
  const found = await ask("/api/nonce");
  return post(action, values, await shared.sign(key, state.device, found.nonce ?? found, action, values));
}

async function askCode(action, values) {
  const shown = await post("show_code", { for: action, arguments: values });
  return new Promise((done, failed) => {
    const wrong = problem();
    const input = h("input", { id: "code", class: "code", inputmode: "numeric", autocomplete: "one-time-code", maxlength: 8, "aria-describedby": "code-hint" });
    const form = h("form", { id: "code-form", "data-act": "send_code" },
      h("p", { id: "code-hint" }, t("code.text"), shown.button && ` ${t("code.button")}`), h("p", null, h("label", { for: "code" }, t("code.label")), input), wrong,
      h("div", { class: "row" }, h("button", { type: "submit", class: "main" }, t("code.do")), button("close", t("cancel"))));
    const box = openDialog("code-dialog", t("code.title"), form);
    box.addEventListener("close", () => failed(new Fault("cancelled", "", 0)));
    on("send_code", async () => {
      try {
        done(await post(action, values, { code: input.value.replace(/\D/g, "") }));
        closeDialog();
      } catch (fault) {
        complain(wrong, fault);
        input.focus();
      }
    });
    input.focus();
  });
}

// --- Saying what was done, on the page and to a screen reader ---

export function tell(text) {
  const box = byId("toast");
  shared.put(box, h("span", null, text), button("hush", t("close"), { class: "quiet" }));
}

on("hush", () => shared.put(byId("toast")));

export function note(row, text, done) {
  state.said.clear();
  state.said.set(pairId(row), { text, done });
}

// Does `work` for one card: its confirmation stands on the card, with data-done, when it is true.
export async function timed(name, work) {
  performance.mark(`${name}-start`);
  const found = await work();
  await refresh().catch(() => redraw());
  performance.mark(`${name}-done`);
  performance.measure(name, `${name}-start`, `${name}-done`);
  return found;
}

// Needs nothing but the session. If the printer does not answer, it is tried again until it does.
export async function stopEverything() {
  const status = byId("status");
  delete status.dataset.done;
  try {
    const found = await timed("stop", () => post("stop"));
    state.waits = false;
    state.said.clear();
    const text = `${t("stop.done")} ${destroyed(found)}`;
    state.stopped = text;
    redraw();
    status.dataset.done = "stop";
    return found;
  } catch (fault) {
    if (fault.name !== "unreachable") throw fault;
    state.waits = true;
    state.reached = false;
    redraw();
    return null;
  }
}

export function destroyed(found) {
  return found?.destroyed ? shared.tn("destroyed", found.destroyed) : t("destroyed.none");
}
