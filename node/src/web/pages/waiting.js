/** Sessions that wait for something, with the node's own words for what it is. Shown on the overview and beside the sync. */

import { h } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { link } from "../core/router.js";
import { nameOf, state } from "../core/store.js";
import { empty, seen, upper } from "./parts.js";

/**
 * @param {import("../core/types.js").Waiting[]} waiting
 * @param {string} none said when nothing waits
 */
export function waitingList(waiting, none) {
  if (waiting.length === 0) return empty(none);
  return h(
    "ul",
    { class: "waiting-list" },
    waiting.map((each) =>
      h(
        "li",
        { key: each.session },
        icon("clock"),
        h(
          "div",
          null,
          h("a", { href: link("sessions", each.session) }, nameOf(state.sessions.get(each.session))),
          h("span", { class: "quiet small block" }, `${upper(each.reason)}`, each.last_seen ? [". Its node was ", seen(each.last_seen)] : null, "."),
        ),
      ),
    ),
  );
}
