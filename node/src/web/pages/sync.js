/**
 * The exchange with peers: whether it goes on, who has what this node has, and what waits. A peer that is not reached cannot
 * be in step; when it comes back, both are told what they miss without anybody's doing.
 */

import { post } from "../core/api.js";
import { h } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { link } from "../core/router.js";
import { loadStatus, state } from "../core/store.js";
import { doing } from "../core/ui.js";
import { action, counted, empty, head, lamp, section, shortKey, table, tag, when } from "./parts.js";
import { fresh, loading } from "./reading.js";
import { waitingList } from "./waiting.js";

/** @typedef {import("../core/types.js").Status} Status */
/** @typedef {import("../core/types.js").Peer} Peer */

/** @returns {import("../core/dom.js").Child[]} */
export function sync() {
  const { status } = state;
  const lead = "Who has what this node has. Devices exchange it by themselves whenever they meet.";
  if (!status) return [head("Sync", lead), loading()];
  return [
    head("Sync", lead, pauseButton(status.paused)),
    verdict(status),
    section("Peers", null, peers(status)),
    section("What waits", null, waitingList(status.waiting, "No session waits for another device.")),
    fresh(),
  ];
}

/** @param {boolean} paused */
function pauseButton(paused) {
  const run = () =>
    doing("pause", async () => {
      await post(paused ? "/sync/resume" : "/sync/pause");
      await loadStatus();
    });
  return action("pause", [icon(paused ? "play" : "pause"), paused ? "Resume" : "Pause"], run, { class: paused ? "primary" : null });
}

/**
 * How it stands, in a sentence.
 *
 * @param {Status} status
 */
function verdict(status) {
  const connected = status.peers.filter((peer) => peer.connected);
  const behind = connected.filter((peer) => !peer.in_step).length;
  if (status.paused) return said("warn", "pause", "Sync is paused.", "Nothing is sent or received until it is resumed. What is written here is kept.");
  if (status.peers.length === 0) return said("", "sync", "There is nobody to sync with yet.", h("a", { href: link("invites") }, "Invite another device"));
  if (connected.length === 0) return said("warn", "offline", "No peer is reached.", "What is written here is delivered when they meet.");
  if (behind > 0) return said("", "sync", `${counted(behind, "connected peer")} of ${connected.length} not in step yet.`, "The rest is on its way.");
  const away = status.peers.length - connected.length;
  const more = away > 0 ? `${counted(away, "device")} that ${away === 1 ? "is" : "are"} away may lack the newest.` : "Every device has everything that is here.";
  return said("ok", "checks", "All connected peers are in step.", more);
}

/**
 * @param {"ok" | "warn" | ""} kind
 * @param {import("../core/icons.js").IconName} sign
 * @param {string} words
 * @param {import("../core/dom.js").Child} more
 */
function said(kind, sign, words, more) {
  return h("p", { key: "verdict", class: `verdict verdict-${kind || "plain"}`, role: "status" }, icon(sign), h("span", null, h("b", null, words), " ", more));
}

/** @param {Status} status */
function peers(status) {
  if (status.peers.length === 0) return empty("No other device is in the workspace.");
  return table("Peers and how far they are", ["Device", "State", "Last exchange", "Sent", "Received"], status.peers.map((peer) => ({
    key: peer.device,
    cells: [
      lamp(peer.connected, h("span", null, h("b", null, peer.label || shortKey(peer.device)), peer.handle ? h("span", { class: "quiet" }, ` @${peer.handle}`) : null)),
      step(peer, status.paused),
      when(peer.last_exchange),
      counted(peer.records_sent, "record"),
      counted(peer.records_received, "record"),
    ],
    more: peer.last_error && !peer.connected && !status.paused ? h("span", { class: "error-text small" }, peer.last_error) : null,
  })));
}

/** @param {Peer} peer @param {boolean} paused */
function step(peer, paused) {
  if (paused) return tag("warn", "paused");
  if (!peer.connected) return tag("", "not connected");
  return peer.in_step ? tag("ok", "in step") : tag("warn", "catching up");
}
