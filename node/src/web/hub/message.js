/**
 * One line of a session: who, when, what, and how far it has come. A line whose number may still move is drawn as
 * provisional. What a line looks like is computed again only when something about it has changed.
 */

import { h } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { markdown } from "../core/markdown.js";
import { reference } from "../core/reference.js";
import { link, lineName } from "../core/router.js";
import { state } from "../core/store.js";
import { clockOf, exact } from "../core/time.js";
import { copy } from "../core/ui.js";
import { dragging } from "./chip.js";
import { pastTurn } from "./turn.js";

/** @typedef {import("../core/types.js").Detail} Detail */
/** @typedef {import("../core/types.js").Entry} Entry */

const CACHE_MAX = 3_000;

/** @type {Map<string, {key: string, nodes: import("../core/dom.js").VNode[]}>} */
const bodies = new Map();

/**
 * @param {Detail} detail
 * @param {Entry} entry
 * @param {boolean} marked it was asked for
 */
export function message(detail, entry, marked) {
  const { meta } = detail;
  const fromAgent = entry.author === meta.agent_id;
  const turn = fromAgent ? state.turns.get(meta.id)?.find((each) => each.line === entry.line_number) : undefined;
  const label = reference(meta.id, entry.line_number);
  const classes = ["message", fromAgent ? "from-agent" : "from-person", entry.sealed ? "" : "provisional", marked ? "marked" : "", entry.lost ? "lost" : ""];
  return h(
    "article",
    {
      key: entry.message_id,
      class: classes.filter(Boolean).join(" "),
      "data-line": String(entry.line_number),
      "data-message": entry.message_id,
      "aria-label": `${entry.author}, line ${entry.line_number}`,
    },
    h(
      "header",
      { class: "message-head", draggable: "true", title: "Drag into a message to refer to this line", on: dragging(meta.id, entry.line_number) },
      h("span", { class: "avatar", "data-initial": fromAgent ? "agent" : "person", "aria-hidden": "true" }, fromAgent ? icon("agent") : initial(entry.author)),
      h("b", { class: "author" }, fromAgent ? `@${entry.author}` : entry.author),
      entry.point_to > 0 ? h("a", { class: "small quiet answers", href: link("sessions", meta.id, entry.point_to) }, `answers ${short(entry.point_to)}`) : null,
      h("a", { class: "line-number", href: link("sessions", meta.id, entry.line_number), title: entry.sealed ? lineName(entry.line_number) : "This number may still move" }, short(entry.line_number)),
      h("time", { class: "small quiet", datetime: entry.timestamp, title: exact(entry.timestamp) }, clockOf(entry.timestamp)),
      h(
        "button",
        { type: "button", class: "icon-button copy-line", title: "Copy a reference to this line", "aria-label": `Copy a reference to line ${entry.line_number}`, on: { click: () => copy(label, "Reference") } },
        icon("copy"),
      ),
    ),
    turn ? pastTurn(turn) : null,
    h("div", { class: "prose" }, rendered(entry)),
    entry.lost ? h("p", { class: "small error-text" }, "This answer lost its place: the agent's history forked.") : null,
    fromAgent ? null : delivery(detail, entry),
  );
}

/** @param {number} line */
function short(line) {
  return `L${line}`;
}

/** @param {string} author */
function initial(author) {
  return (author[0] ?? "?").toUpperCase();
}

/** @param {Entry} entry */
function rendered(entry) {
  const names = entry.links.map((each) => `${state.sessions.get(each.session_id)?.title}${state.missing.has(each.session_id)}`);
  const key = `${entry.body.length} ${names.join("\n")}`;
  const known = bodies.get(entry.message_id);
  if (known?.key === key) return known.nodes;
  const nodes = markdown(entry.body);
  if (bodies.size > CACHE_MAX) bodies.clear();
  bodies.set(entry.message_id, { key, nodes });
  return nodes;
}

/**
 * How far a person's message has come, as far as this node knows: it never says more than it knows.
 *
 * @param {Detail} detail
 * @param {Entry} entry
 */
function delivery(detail, entry) {
  const answered = detail.entries.some((each) => each.author === detail.meta.agent_id && !each.lost && each.point_to >= entry.line_number);
  const on = entry.on_devices ?? 0;
  const others = detail.devices ?? 0;
  const places = on > 0 ? `on ${on} other device${on === 1 ? "" : "s"}` : "saved on this device";
  const [state_, sign, words] = answered
    ? /** @type {const} */ (["answered", "checks", "answered"])
    : entry.sealed
      ? /** @type {const} */ (["sealed", "checks", `taken up by @${detail.meta.agent_id}`])
      : on > 0
        ? /** @type {const} */ (["delivered", "check", others > 1 ? `on ${on} of ${others} other devices` : "on the other device"])
        : /** @type {const} */ (["saved", "disk", "saved here"]);
  const title = `Line ${entry.line_number}: ${places}${entry.sealed ? ", its number holds" : ", its number may still move"}${answered ? ", answered" : ""}`;
  return h("p", { class: "delivery small", title, "data-delivery": state_ }, icon(sign), words);
}
