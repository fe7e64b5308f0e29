/**
 * The page of a Starling node. It begins here: state comes from the node (`core/store.js`, `core/live.js`), one function makes
 * the whole view of it, and `core/dom.js` brings the page in step, at most once a frame. No framework, no build step, no
 * request to anywhere but the node.
 */

import { patch } from "./core/dom.js";
import { listen } from "./core/live.js";
import { place } from "./core/router.js";
import { state, subscribe } from "./core/store.js";
import { ui } from "./core/ui.js";
import { hidePreview } from "./hub/chip.js";
import { startKeys } from "./hub/keys.js";
import { layer, shell } from "./shell.js";

/** Relative times move on. */
const TICK_MS = 30_000;

const app = /** @type {HTMLElement} */ (document.getElementById("app"));
const above = /** @type {HTMLElement} */ (document.getElementById("layer"));
let asked = false;

function render() {
  asked = false;
  const here = place();
  patch(app, [shell(here)]);
  patch(above, layer());
  document.title = titleOf(here);
}

/** @param {import("./core/router.js").Place} here */
function titleOf(here) {
  const title = here.page === "sessions" && here.id ? state.sessions.get(here.id)?.title : null;
  const name = title ?? (here.page === "sessions" ? "" : here.page.replace(/^./, (first) => first.toUpperCase()));
  return name ? `${name} · Starling` : "Starling";
}

/** A hidden page has no frames, and still has to be right when it is looked at again. */
function soon() {
  if (asked) return;
  asked = true;
  if (document.hidden) setTimeout(render, 200);
  else requestAnimationFrame(render);
}

subscribe(soon);
addEventListener("hashchange", () => {
  ui.menu = false;
  ui.title = null;
  hidePreview();
  soon();
});
addEventListener("visibilitychange", soon);
setInterval(soon, TICK_MS);
startKeys();
render();
listen();
