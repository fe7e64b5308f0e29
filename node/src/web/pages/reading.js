/**
 * What a page asks of its node for itself: read when the page is opened, and anew when what it depends on has changed. The
 * answer before is shown until the next one is there. Answers that several pages need are in `core/store.js`.
 */

import { ApiError, words } from "../core/api.js";
import { h } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { changed, fail, loadStatus } from "../core/store.js";

/** Round trips and counts move without an event. */
const FRESH_MS = 5_000;

/** How often a page was opened: what was read for an earlier visit is read again. */
let visit = 0;
addEventListener("hashchange", () => (visit += 1));

/**
 * @template T
 * @typedef {object} Reading
 * @property {T | null} data
 * @property {unknown} error of the newest answer
 * @property {boolean} busy
 * @property {() => Promise<void>} again reads it now
 * @property {(stamp?: unknown) => void} want reads it if this is a new visit, or `stamp` another one than before
 * @property {(data: T) => void} learn takes an answer that came with something else
 */

/**
 * @template T
 * @param {() => Promise<T>} read
 * @returns {Reading<T>}
 */
export function reading(read) {
  let of = -1;
  /** @type {unknown} */
  let stamped;
  let asked = 0;
  /** @type {Reading<T>} */
  const one = {
    data: null,
    error: null,
    busy: false,
    again: async () => {
      asked += 1;
      const mine = asked;
      one.busy = true;
      try {
        const data = await read();
        if (mine !== asked) return;
        one.data = data;
        one.error = null;
      } catch (error) {
        if (mine !== asked) return;
        one.error = error;
        fail(error);
      }
      one.busy = false;
      changed();
    },
    want: (stamp) => {
      if (of === visit && stamped === stamp) return;
      of = visit;
      stamped = stamp;
      void one.again();
    },
    learn: (data) => {
      asked += 1;
      one.data = data;
      one.error = null;
      one.busy = false;
      changed();
    },
  };
  return one;
}

/**
 * What stands in the place of an answer that is not there.
 *
 * @param {Reading<any>} one
 * @returns {import("../core/dom.js").Child} nothing while there is an answer
 */
export function absent(one) {
  if (one.error) return refused(one.error, () => void one.again());
  return one.data ? null : loading();
}

export function loading() {
  const bars = [1, 2].map((each) => h("div", { key: String(each), class: "skeleton" }));
  return h("div", { key: "loading", role: "status", "aria-label": "Loading" }, bars);
}

/**
 * @param {unknown} error
 * @param {() => void} again
 */
export function refused(error, again) {
  const older = error instanceof ApiError && error.code === "no_such_endpoint";
  const text = older ? "The program that runs on this node does not know this page’s question. A newer version does." : words(error);
  return h(
    "div",
    { key: "refused", class: "note note-error", role: "alert" },
    icon("error"), h("span", null, text), h("button", { type: "button", on: { click: again } }, icon("retry"), "Try again"),
  );
}

/** Reads the node's status again and again, for as long as this is in the page and looked at. */
export function fresh() {
  return h("span", { key: "fresh", hidden: true, made: keepFresh });
}

/** @param {Element} element */
function keepFresh(element) {
  const timer = setInterval(() => {
    if (!element.isConnected) clearInterval(timer);
    else if (!document.hidden) void loadStatus();
  }, FRESH_MS);
}
