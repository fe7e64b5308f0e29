/**
 * The panel that summons a session from any page: type to narrow, arrows or the pointer preview, a click pins the preview
 * beside the list so that it can be written into, Enter goes there, Escape closes.
 */

import { h } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { go, link } from "../core/router.js";
import { changed, loadList, nameOf, state, wantDetail } from "../core/store.js";
import { short } from "../core/time.js";
import { ui } from "../core/ui.js";
import { dragging } from "./chip.js";
import { newestFirst } from "./order.js";
import { statusChip } from "./status.js";
import { thread } from "./thread.js";

/** @typedef {import("../core/types.js").Item} Item */

const SHOWN = 50;

/** Places that can be gone to as well. */
const PAGES = /** @type {const} */ ([
  ["new", "New session"], ["activity", "Activity"], ["agents", "Agents"], ["peers", "Peers"], ["sync", "Sync"],
  ["invites", "Invites"], ["members", "Members"], ["overview", "Overview"], ["doctor", "Doctor"],
]);

/** What had the focus before. @type {Element | null} */
let before = null;

export function openQuick() {
  if (ui.quick) return;
  before = document.activeElement;
  ui.quick = { query: "", index: 0, pinned: null };
  ui.preview = null;
  void loadList("archived");
  changed();
}

export function closeQuick() {
  ui.quick = null;
  changed();
  if (before instanceof HTMLElement && before.isConnected) before.focus();
}

/** @typedef {{kind: "session", item: Item} | {kind: "page", page: string, name: string}} Choice */

/** @param {string} query @returns {Choice[]} */
function choices(query) {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  /** @param {string} text */
  const fits = (text) => words.every((word) => text.toLowerCase().includes(word));
  const sessions = [...state.sessions.values()]
    .filter((item) => fits([item.title ?? "untitled", `@${item.agent_id}`, item.last_message_preview, item.id].join(" ")))
    .sort((a, b) => Number(a.archived) - Number(b.archived) || newestFirst(a, b))
    .slice(0, SHOWN);
  const pages = words.length === 0 ? [] : PAGES.filter(([, name]) => fits(name));
  return [
    ...pages.map(([page, name]) => /** @type {Choice} */ ({ kind: "page", page, name })),
    ...sessions.map((item) => /** @type {Choice} */ ({ kind: "session", item })),
  ];
}

/** The panel, if it is open. */
export function quickPanel() {
  const { quick } = ui;
  if (!quick) return null;
  const items = choices(quick.query);
  quick.index = Math.max(0, Math.min(quick.index, items.length - 1));
  const choice = items[quick.index];
  const shown = quick.pinned ?? (choice?.kind === "session" ? choice.item.id : null);
  if (shown) wantDetail(shown);
  return h(
    "div",
    { key: "quick", class: "overlay", on: { mousedown: (event) => event.target === event.currentTarget && closeQuick() } },
    h(
      "div",
      { class: `quick card ${shown ? "with-preview" : ""}`, role: "dialog", "aria-modal": "true", "aria-label": "Go to a session", on: { keydown: keys } },
      h(
        "div",
        { class: "quick-list" },
        h("div", { class: "row quick-top" }, field(quick, items), h("button", { type: "button", class: "icon-button quick-close", "aria-label": "Close", on: { click: closeQuick } }, icon("close"))),
        h("ul", { id: "quick-choices", class: "rows", role: "listbox", "aria-label": "Sessions and pages" }, items.map((each, at) => option(each, at, quick))),
        items.length === 0 ? h("p", { class: "empty" }, "Nothing fits.") : null,
        h("p", { class: "quick-keys small quiet" }, h("kbd", null, "↑↓"), " preview ", h("kbd", null, "click"), " pin ", h("kbd", null, "Enter"), " go ", h("kbd", null, "Esc"), " close"),
      ),
      shown ? h("div", { key: shown, class: `quick-preview ${quick.pinned ? "pinned" : ""}` }, thread(shown, null, true)) : null,
    ),
  );
}

/** @param {NonNullable<typeof ui.quick>} quick @param {Choice[]} items */
function field(quick, items) {
  return h(
    "label",
    { class: "search quick-field" },
    icon("search"),
    h("span", { class: "hidden" }, "Session, agent or page"),
    h("input", {
      type: "text", role: "combobox", placeholder: "Go to a session or page", autocomplete: "off",
      "aria-expanded": "true", "aria-controls": "quick-choices",
      "aria-activedescendant": items.length > 0 ? `quick-${quick.index}` : null,
      prop: { value: quick.query },
      made: (/** @type {HTMLInputElement} */ element) => element.focus(),
      on: {
        input: (/** @type {any} */ event) => {
          quick.query = event.target.value;
          quick.index = 0;
          changed();
        },
      },
    }),
  );
}

/** @param {Choice} choice @param {number} at @param {NonNullable<typeof ui.quick>} quick */
function option(choice, at, quick) {
  const session = choice.kind === "session" ? choice.item : null;
  const hover = () => {
    if (quick.index === at) return;
    quick.index = at;
    changed();
  };
  const take = () => {
    if (session) {
      quick.pinned = quick.pinned === session.id ? null : session.id;
      quick.index = at;
      changed();
    } else leave(choice);
  };
  return h(
    "li",
    {
      key: session ? session.id : `page ${at}`,
      id: `quick-${at}`,
      role: "option",
      class: "quick-option",
      "aria-selected": String(at === quick.index),
      "data-pinned": session !== null && quick.pinned === session.id,
      draggable: session ? "true" : null,
      on: { mousemove: hover, click: take, ...(session ? dragging(session.id, null) : {}) },
    },
    session
      ? [
          h("span", { class: "row-title" }, nameOf(session)),
          statusChip(session),
          h("span", { class: "quiet small" }, `@${session.agent_id}`),
          h("span", { class: "row-time" }, short(session.updated_at)),
        ]
      : [icon("back"), h("span", { class: "row-title" }, choice.kind === "page" ? choice.name : "")],
  );
}

/** @param {Choice} choice */
function leave(choice) {
  ui.quick = null;
  go(choice.kind === "page" ? link(choice.page) : link("sessions", choice.item.id));
  changed();
}

/** @param {KeyboardEvent} event */
function keys(event) {
  const { quick } = ui;
  if (!quick || event.isComposing) return;
  const inField = event.target instanceof HTMLInputElement && event.target.getAttribute("role") === "combobox";
  if (event.key === "Escape") closeQuick();
  else if (event.key === "Tab") return keepInside(event);
  else if (!inField) return;
  else if (event.key === "ArrowDown") quick.index += 1;
  else if (event.key === "ArrowUp") quick.index -= 1;
  else if (event.key === "Enter") {
    const choice = choices(quick.query)[quick.index];
    if (choice) leave(choice);
  } else return;
  event.preventDefault();
  event.stopPropagation();
  changed();
  const active = document.getElementById(`quick-${ui.quick?.index ?? 0}`);
  active?.scrollIntoView({ block: "nearest" });
}

/**
 * Focus stays in an open dialog.
 *
 * @param {KeyboardEvent} event
 */
export function keepInside(event) {
  const dialog = /** @type {Element} */ (event.currentTarget);
  const all = [...dialog.querySelectorAll("a[href], button:not([disabled]), input, select, textarea, summary, [tabindex='0']")];
  const first = all[0];
  const last = all.at(-1);
  const leaving = event.shiftKey ? document.activeElement === first : document.activeElement === last;
  if (!leaving) return;
  event.preventDefault();
  const next = event.shiftKey ? last : first;
  if (next instanceof HTMLElement) next.focus();
}
