/**
 * What this browser keeps for itself: drafts, which revision of a session was read, pinned sessions. It never leaves the
 * browser, and everything works without it.
 */

const PREFIX = "starling.";
/** Characters of a draft: as many as a message has bytes, and no storage is filled by a paste. */
const DRAFT_MAX = 65_536;
const SEEN_MAX = 5_000;

/**
 * @template T
 * @param {string} name
 * @param {T} otherwise
 * @returns {T}
 */
function read(name, otherwise) {
  try {
    const text = localStorage.getItem(PREFIX + name);
    return text === null ? otherwise : JSON.parse(text);
  } catch {
    return otherwise;
  }
}

/**
 * @param {string} name
 * @param {unknown} value `undefined` takes it away
 */
function write(name, value) {
  try {
    if (value === undefined) localStorage.removeItem(PREFIX + name);
    else localStorage.setItem(PREFIX + name, JSON.stringify(value));
  } catch {
    // Full or forbidden: the page works on without it.
  }
}

/**
 * @typedef {object} Draft
 * @property {string} text
 * @property {string} [agent] of a session that is not yet there
 */

/**
 * @param {string} id a session's id, or `new`
 * @returns {Draft}
 */
export function draft(id) {
  const found = read(`draft.${id}`, { text: "" });
  return typeof found?.text === "string" ? found : { text: "" };
}

/**
 * @param {string} id
 * @param {Draft} value
 */
export function keepDraft(id, value) {
  const empty = value.text === "" && !value.agent;
  write(`draft.${id}`, empty ? undefined : { ...value, text: value.text.slice(0, DRAFT_MAX) });
}

/** @type {Record<string, number>} */
let seen = read("seen", {});
/** Sessions as old as the first visit count as read. */
const since = read("since", "") || new Date().toISOString();
write("since", since);

/**
 * Whether there is something in the session that was not looked at in this browser.
 *
 * @param {import("./types.js").Item} item
 */
export function isUnread(item) {
  const known = seen[item.id];
  return known === undefined ? item.updated_at > since : item.revision > known;
}

/**
 * @param {string} id
 * @param {number} revision
 * @returns {boolean} whether that is news
 */
export function markSeen(id, revision) {
  if ((seen[id] ?? -1) >= revision) return false;
  seen[id] = revision;
  const ids = Object.keys(seen);
  if (ids.length > SEEN_MAX) {
    // ULIDs sort by time: the oldest sessions go.
    seen = Object.fromEntries(ids.sort().slice(-SEEN_MAX / 2).map((each) => [each, seen[each] ?? 0]));
  }
  write("seen", seen);
  return true;
}

/** @returns {string[]} ids of pinned sessions, newest first */
export function pins() {
  /** @type {unknown} */
  const found = read("pins", null);
  return Array.isArray(found) ? found.filter((id) => typeof id === "string") : [];
}

/** @param {string} id */
export function togglePin(id) {
  const now = pins();
  write("pins", now.includes(id) ? now.filter((each) => each !== id) : [id, ...now].slice(0, 20));
}

/**
 * Whether a person has said once and for all that something need not be shown.
 *
 * @param {string} name
 */
export function flag(name) {
  return read(`flag.${name}`, /** @type {unknown} */ (null)) === true;
}

/** @param {string} name */
export function setFlag(name) {
  write(`flag.${name}`, true);
}
