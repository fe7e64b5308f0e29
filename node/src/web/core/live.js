/**
 * Events of the node, as they happen. The browser comes back by itself with `Last-Event-ID`; where the node says `resync`,
 * or the stream was refused, everything is read anew. The list is read after the stream stands, so that nothing falls
 * between the two.
 */

import { place } from "./router.js";
import {
  askAgainForMissing, hearActivity, hearSession, loadAll, loadPermissions, loadRoster, loadStatus, loadUndelivered, setLive, state,
} from "./store.js";
import { ui } from "./ui.js";

const RETRY_MS = [500, 1_000, 2_000, 5_000];
/** A burst of events asks for the status once. */
const STATUS_MS = 400;

let tries = 0;
/** @type {number | undefined} */
let statusTimer;

/** Begins to listen, and goes on for as long as the page lives. */
export function listen() {
  const source = new EventSource("/events");
  let opened = false;
  source.addEventListener("open", () => {
    tries = 0;
    setLive(true);
    // The browser's own way back misses nothing; a new stream knows of nothing that was before it.
    if (opened) soonStatus();
    else void loadAll();
    opened = true;
  });
  source.addEventListener("error", () => {
    setLive(false);
    if (source.readyState === EventSource.CLOSED) again();
    else void loadStatus();
  });
  on(source, "session", (item) => {
    hearSession(item);
    soonStatus();
  });
  on(source, "activity", hearActivity);
  on(source, "peers", () => {
    soonStatus();
    loadUndelivered([place().id, ui.quick?.pinned]);
  });
  on(source, "roster", soonStatus);
  source.addEventListener("resync", () => void loadAll());
}

/**
 * @param {EventSource} source
 * @param {string} name
 * @param {(data: any, number: number) => void} handle
 */
function on(source, name, handle) {
  source.addEventListener(name, (event) => {
    const { data, lastEventId } = /** @type {MessageEvent} */ (event);
    handle(JSON.parse(data), Number(lastEventId));
  });
}

/** The stream was refused: find out why, and try again unless a login is missing. */
function again() {
  const wait = RETRY_MS[Math.min(tries, RETRY_MS.length - 1)];
  tries += 1;
  void loadStatus().then(() => {
    if (state.standing !== "signed_out") setTimeout(listen, wait);
  });
}

/** Status, agents and what waits, once the burst is over. */
function soonStatus() {
  if (statusTimer !== undefined) return;
  statusTimer = window.setTimeout(() => {
    statusTimer = undefined;
    void loadStatus();
    void loadRoster();
    if (state.permissions.length > 0) void loadPermissions();
    askAgainForMissing();
  }, STATUS_MS);
}
