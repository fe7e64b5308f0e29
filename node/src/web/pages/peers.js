/**
 * The other devices as this node sees them: a picture, and a table with the same facts. What is exchanged with them is on
 * the page about sync; who they belong to is on the page about members.
 */

import { post } from "../core/api.js";
import { h } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { link } from "../core/router.js";
import { changed, loadStatus, state } from "../core/store.js";
import { doing, toast } from "../core/ui.js";
import { graph } from "./graph.js";
import { action, copied, counted, field, head, input, lamp, section, shortKey, table, tag, when } from "./parts.js";
import { fresh, loading } from "./reading.js";
import { rtt, transports } from "./transport.js";

/** @typedef {import("../core/types.js").Peer} Peer */

/** @type {{selected: string, address: string, error: string, pings: Map<string, number>}} */
const page = { selected: "", address: "", error: "", pings: new Map() };

/** @returns {import("../core/dom.js").Child[]} */
export function peers() {
  const { status } = state;
  const lead = "The other devices of the workspace, as this node reaches them. All ways are direct: nothing is in between.";
  if (!status) return [head("Peers", lead), loading()];
  const all = status.peers;
  if (all.length === 0) {
    return [
      head("Peers", lead),
      h("div", { key: "none", class: "card none-card" }, icon("peers"), h("p", null, "This is the only device of the workspace."), h("a", { class: "button primary", href: link("invites") }, "Invite another device")),
      adding(),
      fresh(),
    ];
  }
  return [
    head("Peers", lead),
    h("div", { key: "graph", class: "card graph-card" }, graph(status, page.selected, select)),
    section("Devices", null, table("Peers", ["Device", "State", "Round trip", "Last seen", "Records", ""], all.map(row))),
    adding(),
    fresh(),
  ];
}

/** @param {string} device */
function select(device) {
  page.selected = page.selected === device ? "" : device;
  changed();
  if (!page.selected) return;
  document.querySelector(`[data-row="${CSS.escape(device)}"]`)?.scrollIntoView({ block: "nearest" });
}

/** @param {Peer} peer */
function row(peer) {
  const name = peer.label || shortKey(peer.device);
  const ping = () =>
    doing(`ping ${peer.device}`, async () => {
      const { rtt_micros } = await post(`/peers/${encodeURIComponent(peer.device)}/ping`);
      page.pings.set(peer.device, rtt_micros);
      toast(`${name} answered after ${rtt(rtt_micros)}.`);
    });
  return {
    key: peer.device,
    marked: page.selected === peer.device,
    cells: [
      h("span", null, lamp(peer.connected, h("b", null, name)), h("span", { class: "quiet small block indent" }, peer.handle ? `@${peer.handle} · ` : "", copied(peer.device, "device key", shortKey(peer.device)))),
      h("span", { class: "row" }, peer.connected ? tag("ok", "connected") : tag("", "not connected"), peer.connected ? h("span", { class: "small quiet" }, "direct") : null),
      peer.rtt_micros === null ? h("span", { class: "quiet" }, "not known") : rtt(peer.rtt_micros),
      peer.connected ? "now" : when(peer.last_seen),
      h("span", { class: "small" }, `${peer.records_sent.toLocaleString("en-GB")} sent`, h("br", null), `${peer.records_received.toLocaleString("en-GB")} received`),
      action(`ping ${peer.device}`, "Ping", ping, { "aria-label": `Ping ${name}`, disabled: !peer.connected }),
    ],
    more: more(peer),
  };
}

/** @param {Peer} peer */
function more(peer) {
  const pinged = page.pings.get(peer.device);
  return h(
    "div",
    { class: "peer-more" },
    peer.last_error && !peer.connected ? h("p", { class: "error-text small" }, peer.last_error) : null,
    pinged === undefined ? null : h("p", { class: "small" }, `Last ping: ${rtt(pinged)}.`),
    h(
      "details",
      null,
      h("summary", { class: "small quiet" }, peer.addresses.length === 0 ? "No address is known" : `${counted(peer.addresses.length, "address", "addresses")} by ${transports(peer.addresses)}`),
      peer.addresses.length === 0
        ? h("p", { class: "small quiet" }, "It has to call this node, or you add an address below.")
        : h("ul", { class: "addresses" }, peer.addresses.map((each) => h("li", { key: each }, copied(each, "address")))),
      peer.last_error && peer.connected ? h("p", { class: "small quiet" }, `Before it was reached: ${peer.last_error}`) : null,
    ),
  );
}

function adding() {
  const add = () =>
    doing("add peer", async () => {
      page.error = "";
      try {
        await post("/peers", { address: page.address.trim() });
      } catch (error) {
        page.error = error instanceof Error ? error.message : String(error);
        return;
      }
      page.address = "";
      await loadStatus();
      toast("The address is kept, and called now.");
    });
  const set = (/** @type {string} */ value) => ((page.address = value), (page.error = ""), changed());
  return section(
    "Add an address",
    null,
    h("p", { class: "small quiet" }, "Devices in one network find each other by themselves. For a device elsewhere, give one of the addresses that its own overview shows."),
    h(
      "form",
      { class: "inline-form", on: { submit: (event) => (event.preventDefault(), page.address.trim() && void add()) } },
      field("peer", "Address of a peer", input(page.address, set, { placeholder: "/ip4/192.0.2.7/udp/4001/quic-v1/p2p/12D3Koo…", "aria-invalid": page.error ? "true" : null, "aria-describedby": "address-error" })),
      action("add peer", [icon("plus"), "Add"], () => {}, { type: "submit", class: "primary", ...(page.address.trim() ? {} : { disabled: true }) }),
    ),
    h("p", { id: "address-error", class: "error-text small", role: "alert" }, page.error),
  );
}

