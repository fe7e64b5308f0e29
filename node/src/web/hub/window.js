/**
 * How many rows of a long list are made: a screenful at once, more whenever the browser has time, and beyond a thousand only
 * as the reader gets there. So the first rows stand at once, and no frame is lost to rows that nobody sees yet.
 */

import { h } from "../core/dom.js";
import { changed } from "../core/store.js";

const STEP = 100;
/** Rows that come by themselves. */
const UNASKED_MAX = 1_000;
/** Pause between two steps: some frames. */
const PAUSE_MS = 40;

let limit = STEP;
/** What the list is about: another question begins at its top. */
let about = "";
let waiting = false;

/**
 * The rows to be made now.
 *
 * @template T
 * @param {T[]} items
 * @param {string} question what the list is about
 * @returns {T[]}
 */
export function windowed(items, question) {
  if (question !== about) {
    about = question;
    limit = STEP;
  }
  if (items.length > limit && limit < UNASKED_MAX) soon();
  return items.length > limit ? items.slice(0, limit) : items;
}

/** Whether there are rows that were not made. @param {number} count */
export function isCut(count) {
  return count > limit;
}

function soon() {
  if (waiting) return;
  waiting = true;
  setTimeout(() => {
    waiting = false;
    more();
  }, PAUSE_MS);
}

export function more() {
  limit += STEP;
  changed();
}

/** What stands below the last row: when it comes near, more rows are made. */
export function sentinel() {
  return h("div", {
    key: "more",
    class: "sentinel",
    made: (/** @type {Element} */ element) => {
      const watch = new IntersectionObserver((entries) => {
        if (!element.isConnected) watch.disconnect();
        else if (entries.some((entry) => entry.isIntersecting)) more();
      }, { root: element.parentElement, rootMargin: "800px" });
      watch.observe(element);
    },
  });
}
