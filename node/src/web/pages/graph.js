/**
 * A picture of this node and its peers: solid lines are connections, dashed ones are not there now. Lines are drawn in
 * percent of the field and names are text of the page, so that both stay sharp and readable at any width. The table of the
 * page has the same facts, so the picture's lines are hidden from screen readers.
 */

import { h } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { shortKey } from "./parts.js";
import { rtt } from "./transport.js";

/** @typedef {import("../core/types.js").Peer} Peer */
/** @typedef {{peer: Peer, x: number, y: number}} Place in percent of the field */

/** More than these stand on two rings, without their second lines. */
const RING_MAX = 8;
const MIDDLE = 50;
/** How far the outer ring is from the middle, to the side and up and down, where names need room. */
const REACH = 36;
const REACH_UP = 31;

/**
 * @param {import("../core/types.js").Status} status
 * @param {string} selected
 * @param {(device: string) => void} select
 */
export function graph(status, selected, select) {
  const places = placed(status.peers);
  // Two stand side by side.
  const middle = places.length === 1 ? MIDDLE - REACH / 2 : MIDDLE;
  const online = status.peers.filter((peer) => peer.connected).length;
  const dense = status.peers.length > RING_MAX;
  const size = dense ? "graph-dense" : status.peers.length <= 2 ? "graph-few" : "";
  return h(
    "div",
    { class: `graph ${size}`, role: "group", "aria-label": `This node and ${status.peers.length} peers, ${online} of them connected` },
    h(
      "svg",
      { class: "edges", viewBox: "0 0 100 100", preserveAspectRatio: "none", "aria-hidden": "true", focusable: "false" },
      places.map(({ peer, x, y }) => h("line", {
        key: peer.device, x1: middle, y1: MIDDLE, x2: x, y2: y, "vector-effect": "non-scaling-stroke",
        class: `edge ${peer.connected ? "edge-on" : "edge-off"} ${peer.device === selected ? "edge-selected" : ""}`,
      })),
    ),
    places.map((place) => time(place, middle, dense)),
    h("div", { key: "self", class: "graph-node graph-self", style: at(middle, MIDDLE) }, h("span", { class: "graph-disc" }, icon("device")), h("b", null, status.label || "This node"), h("span", { class: "small quiet" }, "this node")),
    places.map((place) => node(place, place.peer.device === selected, () => select(place.peer.device))),
  );
}

/** @param {Peer[]} peers @returns {Place[]} */
function placed(peers) {
  const [only] = peers;
  if (only && peers.length === 1) return [{ peer: only, x: MIDDLE + REACH / 2, y: MIDDLE }];
  const inner = peers.length > RING_MAX ? Math.ceil(peers.length / 3) : peers.length;
  return peers.map((peer, at) => {
    const first = at < inner;
    const count = first ? inner : peers.length - inner;
    // Nobody stands right below the middle, where its name is.
    const begin = -Math.PI / 2 + (count % 2 === 0 ? Math.PI / count : 0);
    const angle = begin + (2 * Math.PI * (first ? at : at - inner + 0.5)) / count;
    const reach = first && inner < peers.length ? 0.52 : 1;
    return { peer, x: MIDDLE + Math.cos(angle) * REACH * reach, y: MIDDLE + Math.sin(angle) * REACH_UP * reach };
  });
}

/** The round trip on the line. @param {Place} place @param {number} middle @param {boolean} dense */
function time({ peer, x, y }, middle, dense) {
  if (dense || !peer.connected || peer.rtt_micros === null) return null;
  return h("span", { key: `rtt ${peer.device}`, class: "graph-rtt", "aria-hidden": "true", style: at((x + middle) / 2, (y + MIDDLE) / 2) }, rtt(peer.rtt_micros));
}

/** @param {Place} place @param {boolean} selected @param {() => void} select */
function node({ peer, x, y }, selected, select) {
  const name = peer.label || shortKey(peer.device);
  return h(
    "button",
    {
      key: peer.device, type: "button", class: `graph-node ${peer.connected ? "graph-on" : "graph-off"} ${y < MIDDLE - 1 ? "graph-up" : ""}`, "aria-pressed": String(selected),
      style: at(x, y), title: name, on: { click: select },
    },
    h("span", { class: "graph-disc" }, icon(peer.connected ? "device" : "offline")),
    h("b", null, name),
    " ",
    h("span", { class: "small quiet" }, peer.handle ? `@${peer.handle}` : ""),
    h("span", { class: "hidden" }, peer.connected ? ", connected" : ", not connected"),
  );
}

/** @param {number} x @param {number} y */
function at(x, y) {
  return { left: `${x.toFixed(2)}%`, top: `${y.toFixed(2)}%` };
}
