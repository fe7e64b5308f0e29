/**
 * Keys of the whole page. Single letters count only where nobody types; what a dialog handles does not get here.
 */

import { go, link, place } from "../core/router.js";
import { changed } from "../core/store.js";
import { ui } from "../core/ui.js";
import { hidePreview } from "./chip.js";
import { closeQuick, openQuick } from "./quickopen.js";

/** What `?` shows. */
export const KEYS = /** @type {const} */ ([
  ["j / k", "Next, previous session in the list"],
  ["Enter", "Open the session, send the message"],
  ["Shift Enter", "A new line in a message"],
  ["c", "New session"],
  ["/", "Search"],
  ["Ctrl K", "Go to a session or page"],
  ["@", "In a message: refer to a session"],
  ["r", "Write in the open session"],
  ["Esc", "Close, cancel, leave the field"],
  ["?", "These keys"],
]);

export function startKeys() {
  addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing) return;
    if ((event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === "k") {
      event.preventDefault();
      if (ui.quick) closeQuick();
      else openQuick();
      return;
    }
    if (event.key === "Escape") return escape(event);
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target) || ui.quick || ui.help) return;
    const act = LETTERS[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });
}

/** @type {Record<string, () => void>} */
const LETTERS = {
  j: () => step(1),
  k: () => step(-1),
  c: () => go(link("new")),
  "/": () => toSearch(),
  r: () => focus(".thread textarea"),
  "?": () => {
    ui.help = true;
    changed();
  },
};

/** @param {EventTarget | null} target */
function typing(target) {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
}

function toSearch() {
  if (place().page !== "sessions") go(link("sessions"));
  requestAnimationFrame(() => focus("#search"));
}

/** @param {string} selector */
function focus(selector) {
  const found = document.querySelector(selector);
  if (found instanceof HTMLElement) found.focus();
}

/** @param {number} by */
function step(by) {
  const rows = [...document.querySelectorAll("[data-list] .session-row")];
  if (rows.length === 0) return go(link("sessions"));
  const focused = rows.findIndex((row) => row === document.activeElement);
  const current = focused >= 0 ? focused : rows.findIndex((row) => row.hasAttribute("aria-current"));
  const next = rows[Math.max(0, Math.min(rows.length - 1, current + by))] ?? rows[0];
  if (!(next instanceof HTMLElement)) return;
  next.focus();
  next.scrollIntoView({ block: "nearest" });
}

/** @param {KeyboardEvent} event */
function escape(event) {
  if (ui.quick) closeQuick();
  else if (ui.help || ui.menu || ui.preview) {
    ui.help = false;
    ui.menu = false;
    hidePreview();
    changed();
  } else if (typing(event.target)) /** @type {HTMLElement} */ (event.target).blur();
  else return;
  event.preventDefault();
}
