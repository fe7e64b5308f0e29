/** What this node is. */

import { h } from "../core/dom.js";
import { state } from "../core/store.js";

/** @returns {import("../core/dom.js").Child[]} */
export function overview() {
  return [h("h1", null, "Overview"), h("p", null, state.status?.handle)];
}
