/**
 * The list of sessions: filters, search, rows by day. Rows are made anew only when what they show has changed, so that a
 * thousand of them cost nothing while one session runs.
 */

import { listSessions, words } from "../core/api.js";
import { h } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { isUnread, pins } from "../core/keep.js";
import { link } from "../core/router.js";
import { changed, loadList, nameOf, state, waitingOf } from "../core/store.js";
import { dayName, exact, short } from "../core/time.js";
import { ui } from "../core/ui.js";
import { dragging } from "./chip.js";
import { newestFirst } from "./order.js";
import { plain } from "./plain.js";
import { asks, shownStatus, statusChip } from "./status.js";
import { isCut, sentinel, windowed } from "./window.js";

/** @typedef {import("../core/types.js").Item} Item */
/** @typedef {import("../core/dom.js").VElement} VElement */

/** Pause in typing after which the node is asked. */
const SEARCH_MS = 150;

/**
 * @typedef {object} Found
 * @property {string} query
 * @property {boolean} archived
 * @property {Item[]} items
 * @property {boolean} complete
 * @property {string} error
 */

/** @type {Found | null} */
let found = null;
/** @type {number | undefined} */
let timer;
/** @type {Map<string, {key: string, row: VElement}>} */
const rows = new Map();

/**
 * The pane with the list.
 *
 * @param {string} selected id of the session that is open, or `new`; empty when the list is what the page is about
 */
export function listPane(selected) {
  const items = shownItems();
  const shown = windowed(items, `${ui.archived} ${ui.agent} ${ui.search}`);
  return h(
    "section",
    { key: "list", class: "pane list-pane", "aria-label": "Sessions" },
    h(
      "header",
      { class: "pane-head" },
      h(selected ? "h2" : "h1", { class: "pane-title" }, ui.archived ? "Archive" : "Sessions"),
      h("a", { class: "button primary", href: link("new"), "aria-keyshortcuts": "c" }, icon("plus"), "New"),
    ),
    filters(),
    h("div", { class: "scroll", "data-list": true }, items.length === 0 ? nothing() : groups(shown, selected), isCut(items.length) ? sentinel() : null, tail()),
  );
}

function filters() {
  const agents = new Set(state.agents.map((agent) => agent.handle));
  for (const item of state.sessions.values()) agents.add(item.agent_id);
  return h(
    "div",
    { class: "filters" },
    h(
      "label",
      { class: "search" },
      icon("search"),
      h("span", { class: "hidden" }, "Search titles and messages"),
      h("input", {
        id: "search",
        type: "search",
        placeholder: "Search titles and messages",
        autocomplete: "off",
        maxlength: "200",
        "aria-keyshortcuts": "/",
        prop: { value: ui.search },
        on: { input: (/** @type {any} */ event) => search(event.target.value) },
      }),
    ),
    h(
      "div",
      { class: "row" },
      h(
        "div",
        { class: "segments", role: "group", "aria-label": "Which sessions" },
        segment("Active", !ui.archived, () => showArchived(false)),
        segment("Archived", ui.archived, () => showArchived(true)),
      ),
      h(
        "label",
        { class: "select" },
        h("span", { class: "hidden" }, "Agent"),
        h(
          "select",
          {
            on: { change: (/** @type {any} */ event) => filterAgent(event.target.value) },
            prop: { value: ui.agent },
          },
          h("option", { value: "" }, "All agents"),
          [...agents].sort().map((handle) => h("option", { key: handle, value: handle }, `@${handle}`)),
        ),
      ),
    ),
  );
}

/** @param {string} name @param {boolean} on @param {() => void} act */
function segment(name, on, act) {
  return h("button", { type: "button", "aria-pressed": String(on), on: { click: act } }, name);
}

/** @param {boolean} archived */
function showArchived(archived) {
  ui.archived = archived;
  if (archived) void loadList("archived");
  if (ui.search) search(ui.search);
  changed();
}

/** @param {string} agent */
function filterAgent(agent) {
  ui.agent = agent;
  changed();
}

/** @param {string} text */
export function search(text) {
  ui.search = text;
  clearTimeout(timer);
  if (text.trim()) timer = window.setTimeout(() => void ask(text.trim()), SEARCH_MS);
  else found = null;
  changed();
}

/**
 * Titles and previews are searched here at once; the node searches all messages, page by page.
 *
 * @param {string} query
 */
async function ask(query) {
  const { archived } = ui;
  /** @type {Found} */
  const mine = { query, archived, items: [], complete: false, error: "" };
  found = mine;
  try {
    /** @type {string | undefined} */
    let cursor;
    do {
      const page = await listSessions({ q: query, archived: archived ? "true" : undefined, cursor });
      if (found !== mine) return;
      mine.items.push(...page.sessions);
      cursor = page.next_cursor;
      changed();
    } while (cursor);
  } catch (error) {
    mine.error = words(error);
  }
  mine.complete = true;
  changed();
}

/** What was listed last, and for what. @type {{key: string, items: Item[]}} */
let listed = { key: "", items: [] };

/** The rows of the list; they are chosen and sorted again only when sessions, filters or answers have changed. */
function shownItems() {
  const key = [state.edition, ui.archived, ui.agent, found?.items.length, found?.complete, ui.search].join("\n");
  if (listed.key !== key) listed = { key, items: chosen() };
  return listed.items;
}

/** @returns {Item[]} newest first */
function chosen() {
  const query = ui.search.trim().toLowerCase();
  const all = [...state.sessions.values()].filter((item) => item.archived === ui.archived && fits(item, query));
  if (query && found && found.archived === ui.archived && found.query.toLowerCase() === query) {
    const here = new Map(all.map((item) => [item.id, item]));
    for (const item of found.items) here.set(item.id, { ...(state.sessions.get(item.id) ?? item), match: item.match ?? null });
    return [...here.values()].filter((item) => !ui.agent || item.agent_id === ui.agent).sort(newestFirst);
  }
  return all.sort(newestFirst);
}

/** @param {Item} item @param {string} query */
function fits(item, query) {
  if (ui.agent && item.agent_id !== ui.agent) return false;
  if (!query) return true;
  return [item.title ?? "", item.last_message_preview, item.id].some((text) => text.toLowerCase().includes(query));
}

/** @param {Item[]} items @param {string} selected */
function groups(items, selected) {
  const now = Date.now();
  const pinned = new Set(pins());
  /** @type {Map<string, Item[]>} */
  const days = new Map();
  for (const item of items) {
    const name = pinned.has(item.id) ? "Pinned" : dayName(item.updated_at, now);
    const group = days.get(name);
    if (group) group.push(item);
    else days.set(name, [item]);
  }
  const ordered = [...days].sort(([a], [b]) => Number(b === "Pinned") - Number(a === "Pinned"));
  return ordered.map(([name, group]) =>
    h(
      "section",
      { key: name, class: "day", "aria-label": name },
      h(selected ? "h3" : "h2", { class: "day-name" }, name),
      h("ul", { class: "rows" }, group.map((item) => row(item, item.id === selected, now))),
    ),
  );
}

/** @param {Item} item @param {boolean} selected @param {number} now */
function row(item, selected, now) {
  const unread = isUnread(item) && !selected;
  const time = short(item.updated_at, now);
  const key = [
    item.revision, item.status, item.title, item.last_message_preview, item.match?.excerpt, selected, unread, time,
    waitingOf(item.id)?.reason, asks(item.id),
  ].join("\n");
  const known = rows.get(item.id);
  if (known?.key === key) return known.row;
  const made = makeRow(item, selected, unread, time);
  rows.set(item.id, { key, row: made });
  return made;
}

/** @param {Item} item @param {boolean} selected @param {boolean} unread @param {string} time */
function makeRow(item, selected, unread, time) {
  const { match } = item;
  return h(
    "li",
    { key: item.id, class: "row-item" },
    h(
      "a",
      {
        class: `session-row ${unread ? "unread" : ""}`,
        href: link("sessions", item.id, match?.line_number),
        draggable: "true",
        "data-session": item.id,
        "data-shown": shownStatus(item),
        "aria-current": selected ? "page" : null,
        on: dragging(item.id, null),
      },
      h(
        "span",
        { class: "row-top" },
        unread ? h("span", { class: "unread-dot", role: "img", "aria-label": "Unread" }) : null,
        h("span", { class: item.title ? "row-title" : "row-title quiet" }, nameOf(item)),
        h("time", { class: "row-time", datetime: item.updated_at, title: exact(item.updated_at) }, time),
      ),
      h("span", { class: "row-preview" }, plain(match ? match.excerpt : item.last_message_preview)),
      h("span", { class: "row-foot" }, h("span", { class: "handle" }, `@${item.agent_id}`), statusChip(item)),
    ),
  );
}

function nothing() {
  if (ui.search.trim()) {
    const busy = !found || !found.complete;
    return h("p", { class: "empty" }, busy ? "Searching…" : `Nothing contains “${ui.search.trim()}”.`);
  }
  const which = ui.archived ? "archived" : "open";
  if (state.listed[which] === "loading" || state.listed[which] === "none") return skeleton();
  if (ui.archived) return h("p", { class: "empty" }, "Nothing is archived. Archived sessions can be opened again.");
  return h("p", { class: "empty" }, ui.agent ? `No session with @${ui.agent} yet.` : "No session yet.");
}

function skeleton() {
  const bars = [1, 2, 3].map((each) => h("li", { key: String(each), class: "skeleton" }));
  return h("ul", { class: "rows", "aria-label": "Loading" }, bars);
}

function tail() {
  if (found?.error && ui.search) return h("p", { class: "empty error-text" }, `The search ended early: ${found.error}`);
  const which = ui.archived ? "archived" : "open";
  if (state.listed[which] === "failed") {
    return h(
      "p",
      { class: "empty error-text" },
      "The list could not be read. ",
      h("button", { type: "button", on: { click: () => void loadList(which, true) } }, "Try again"),
    );
  }
  return null;
}
