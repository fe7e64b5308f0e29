/**
 * What the page knows: one state, changed only here, shown by views that are called anew after each change. Sessions are
 * kept by id, and the newest word on a session wins: an answer that was asked for before an event came does not undo it.
 * Nothing here touches the page; drafts and what was read are in `keep.js`.
 */

import { ApiError, get, listSessions, sessionPath } from "./api.js";
import { noteActivity, settleTurns } from "./turns.js";

/** @typedef {import("./types.js").Item} Item */
/** @typedef {import("./types.js").Detail} Detail */
/** @typedef {import("./types.js").Status} Status */
/** @typedef {import("./turns.js").Turn} Turn */
/** @typedef {import("./turns.js").Told} Told */
/** @typedef {"loading" | "ready" | "signed_out" | "unreachable"} Standing */

/**
 * @typedef {object} State
 * @property {Standing} standing of this page with its node
 * @property {boolean} live whether events arrive
 * @property {Status | null} status
 * @property {import("./types.js").Agent[]} agents
 * @property {import("./types.js").Member[]} members
 * @property {import("./types.js").Permission[]} permissions
 * @property {Map<string, Item>} sessions
 * @property {number} edition of `sessions`: another one after each change of it
 * @property {Record<"open" | "archived", "none" | "loading" | "all" | "failed">} listed
 * @property {Map<string, Detail>} details
 * @property {Map<string, ApiError>} missing sessions that could not be shown
 * @property {Map<string, Turn[]>} turns what agents did, by session, newest last
 * @property {Told[]} told the newest activity of all sessions, newest last
 */

/** Items a page of the list. */
const PAGE = 500;
/** Sessions whose lines are kept. */
const DETAILS_MAX = 60;

/** @type {State} */
export const state = {
  standing: "loading",
  live: false,
  status: null,
  agents: [],
  members: [],
  permissions: [],
  sessions: new Map(),
  edition: 0,
  listed: { open: "none", archived: "none" },
  details: new Map(),
  missing: new Map(),
  turns: new Map(),
  told: [],
};

/** @type {Set<() => void>} */
const listeners = new Set();
/** Number of the newest event; answers are older than events that came after they were asked for. */
let clock = 0;
/** @type {Map<string, number>} by session, the event that spoke of it last */
const heard = new Map();

/**
 * Calls `listener` after each change.
 *
 * @param {() => void} listener
 */
export function subscribe(listener) {
  listeners.add(listener);
}

/** Tells all listeners that something changed. */
export function changed() {
  for (const listener of listeners) listener();
}

/** @param {Standing} standing */
function setStanding(standing) {
  if (state.standing === standing) return;
  state.standing = standing;
  changed();
}

/** @param {boolean} live */
export function setLive(live) {
  if (state.live === live) return;
  state.live = live;
  changed();
}

/**
 * An event that speaks of a session.
 *
 * @param {Item} item
 */
export function hearSession(item) {
  clock += 1;
  heard.set(item.id, clock);
  state.sessions.set(item.id, item);
  state.edition += 1;
  state.missing.delete(item.id);
  if (state.details.has(item.id)) void loadDetail(item.id);
  changed();
}

/**
 * What a write said of its session, unless an event that came before the answer knows more.
 *
 * @param {string} id
 * @param {Partial<Item> & {revision: number}} news
 */
export function hearAnswer(id, news) {
  const item = state.sessions.get(id);
  if (item && news.revision > item.revision) hearSession({ ...item, ...news });
}

/** Events that came before it was known what had been before them. @type {[import("./types.js").ActivityEvent, number][] | null} */
let early = [];

/**
 * @param {import("./types.js").ActivityEvent} event
 * @param {number} number of the event
 */
export function hearActivity(event, number) {
  if (early) early.push([event, number]);
  else noteActivity(state, event, Date.now());
  if (event.kind === "permission") void loadPermissions();
  changed();
}

/** @param {Item[]} items that were asked for when the clock stood at `since` @param {number} since */
function learnItems(items, since) {
  for (const item of items) {
    if ((heard.get(item.id) ?? 0) <= since) state.sessions.set(item.id, item);
  }
  state.edition += 1;
}

/**
 * Reads the whole list, page by page; what is there is shown as it comes.
 *
 * @param {"open" | "archived"} which
 * @param {boolean} [anew] also when it was read before
 */
export async function loadList(which, anew = false) {
  if (state.listed[which] === "loading" || (state.listed[which] === "all" && !anew)) return;
  state.listed[which] = "loading";
  try {
    /** @type {string | undefined} */
    let cursor;
    const seen = new Set();
    const begun = clock;
    do {
      const since = clock;
      const archived = which === "archived" ? "true" : undefined;
      const page = await listSessions({ archived, limit: String(PAGE), cursor });
      learnItems(page.sessions, since);
      for (const item of page.sessions) seen.add(item.id);
      cursor = page.next_cursor;
      changed();
    } while (cursor);
    forget(which, seen, begun);
    state.listed[which] = "all";
  } catch (error) {
    state.listed[which] = "failed";
    fail(error);
  }
  changed();
}

/**
 * Sessions that the node no longer lists.
 *
 * @param {"open" | "archived"} which
 * @param {Set<string>} seen
 * @param {number} begun
 */
function forget(which, seen, begun) {
  for (const [id, item] of state.sessions) {
    const listed = item.archived === (which === "archived");
    if (listed && !seen.has(id) && (heard.get(id) ?? 0) <= begun) state.sessions.delete(id);
  }
  state.edition += 1;
}

/** @type {Map<string, "running" | "again">} */
const reading = new Map();

/**
 * Reads a session's lines; a read that is asked for during another one follows it.
 *
 * @param {string} id
 */
export async function loadDetail(id) {
  if (reading.has(id)) {
    reading.set(id, "again");
    return;
  }
  reading.set(id, "running");
  try {
    await readDetail(id);
  } catch (error) {
    if (error instanceof ApiError && error.status !== 0 && error.status !== 401) state.missing.set(id, error);
    else fail(error);
  }
  const again = reading.get(id) === "again";
  reading.delete(id);
  changed();
  if (again) await loadDetail(id);
}

/**
 * A session that nobody has heard of is asked for by its id first, which may have no answer without being an error.
 *
 * @param {string} id
 */
async function readDetail(id) {
  if (!state.sessions.has(id)) {
    const { ids } = await get(`/resolve?prefix=${encodeURIComponent(id)}`);
    if (!ids.includes(id)) {
      state.missing.set(id, new ApiError("quick_session_not_found", "this session is not here yet", 404));
      return;
    }
  }
  const { session } = await get(sessionPath(id));
  learnDetail(session);
}

/** @param {Detail} detail */
export function learnDetail(detail) {
  const { id } = detail.meta;
  state.missing.delete(id);
  state.details.delete(id);
  state.details.set(id, detail);
  settleTurns(state, detail);
  for (const oldest of state.details.keys()) {
    if (state.details.size <= DETAILS_MAX) break;
    state.details.delete(oldest);
  }
}

/**
 * Reads anew which devices have the lines of these sessions, where not all have all of them yet.
 *
 * @param {(string | null | undefined)[]} ids
 */
export function loadUndelivered(ids) {
  for (const id of new Set(ids)) {
    const detail = id ? state.details.get(id) : undefined;
    const devices = detail?.devices ?? 0;
    if (detail?.entries.some((entry) => (entry.on_devices ?? 0) < devices)) void loadDetail(detail.meta.id);
  }
}

/**
 * The newest lines of a session, for a preview: known ones at once.
 *
 * @param {string} id
 */
export function wantDetail(id) {
  if (!state.details.has(id) && !state.missing.has(id)) void loadDetail(id);
}

/** Reads the node's own state. */
export const loadStatus = coalesced(async () => {
  state.status = await get("/status");
  setStanding("ready");
});

/** Reads agents and members. */
export const loadRoster = coalesced(async () => {
  const [{ agents }, { members }] = await Promise.all([get("/im/agents"), get("/im/members")]);
  state.agents = agents;
  state.members = members;
});

/** Reads the permission requests that wait. */
export const loadPermissions = coalesced(async () => {
  state.permissions = (await get("/im/permissions")).permissions;
});

/** Reads what agents did before this page was opened, once. */
async function loadActivity() {
  if (!early) return;
  const before = await get("/activity").catch(fail);
  for (const event of before?.activity ?? []) noteActivity(state, event, 0);
  for (const [event, number] of early ?? []) if (number > (before?.latest ?? 0)) noteActivity(state, event, Date.now());
  early = null;
  for (const detail of state.details.values()) settleTurns(state, detail);
  changed();
}

/** Sessions that were asked for and were not there may have come. */
export function askAgainForMissing() {
  for (const id of state.missing.keys()) void loadDetail(id);
}

/** Reads everything anew. */
export async function loadAll() {
  await loadStatus();
  if (state.standing !== "ready") return;
  const lists = [loadList("open", true)];
  if (state.listed.archived !== "none") lists.push(loadList("archived", true));
  await Promise.all([loadRoster(), loadPermissions(), loadActivity(), ...lists]);
  for (const id of state.details.keys()) void loadDetail(id);
  askAgainForMissing();
}

/**
 * One call at a time; one that is asked for meanwhile follows.
 *
 * @param {() => Promise<void>} work
 * @returns {() => Promise<void>}
 */
function coalesced(work) {
  /** @type {Promise<void> | null} */
  let running = null;
  let again = false;
  const run = async () => {
    do {
      again = false;
      await work().catch(fail);
      changed();
    } while (again);
    running = null;
  };
  return () => {
    if (running) again = true;
    else running = run();
    return running ?? Promise.resolve();
  };
}

/** @param {unknown} error */
export function fail(error) {
  if (!(error instanceof ApiError)) throw error;
  if (error.status === 401) setStanding("signed_out");
  else if (error.status === 0) setStanding("unreachable");
}

/**
 * What a session is called.
 *
 * @param {{title?: string | null} | undefined} session
 */
export function nameOf(session) {
  return session?.title || "Untitled session";
}

/**
 * @param {string} handle
 * @returns {import("./types.js").Agent | undefined}
 */
export function agentOf(handle) {
  return state.agents.find((agent) => agent.handle === handle);
}

/**
 * Why a session waits, in words.
 *
 * @param {string} id
 * @returns {import("./types.js").Waiting | undefined}
 */
export function waitingOf(id) {
  return state.status?.waiting.find((waiting) => waiting.session === id);
}

/** Other devices of the workspace, and how many of them are connected. */
export function company() {
  const others = state.members.flatMap((member) => member.devices).filter((device) => !device.here);
  return { others: others.length, online: others.filter((device) => device.online).length };
}
