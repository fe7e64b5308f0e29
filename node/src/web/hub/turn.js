/**
 * What an agent does in a turn: open while it runs, folded above its answer afterwards. It is shown as it was heard; a page
 * that was opened later knows less.
 */

import { h } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { markdown } from "../core/markdown.js";
import { span } from "../core/time.js";
import { asks } from "./status.js";

/** @typedef {import("../core/turns.js").Turn} Turn */

/**
 * The turn that runs now.
 *
 * @param {import("../core/types.js").Meta} meta
 * @param {Turn | undefined} turn
 */
export function liveTurn(meta, turn) {
  if (meta.status !== "running") return null;
  const since = meta.processing_started_at;
  return h(
    "article",
    { key: `live ${meta.attempt_id}`, class: "message from-agent live", "aria-label": `@${meta.agent_id} is working`, "data-live": true },
    h(
      "header",
      { class: "message-head" },
      h("span", { class: "avatar", "aria-hidden": "true" }, icon("agent")),
      h("b", { class: "author" }, `@${meta.agent_id}`),
      h("span", { class: "working" }, asks(meta.id) ? "asks for a permission" : doingNow(turn)),
      since ? h("span", { class: "small quiet" }, `for ${span(Date.now() - Date.parse(since))}`) : null,
    ),
    turn ? steps(turn) : null,
    turn?.text ? h("div", { class: "prose streamed" }, markdown(turn.text)) : null,
  );
}

/** @param {Turn | undefined} turn */
function doingNow(turn) {
  const tool = turn?.tools.findLast((each) => each.status === "in_progress");
  if (tool) return `uses ${tool.title}`;
  return turn?.text ? "writes" : "thinks";
}

/**
 * A turn that is over, folded.
 *
 * @param {Turn} turn
 */
export function pastTurn(turn) {
  if (turn.tools.length === 0 && !turn.thought && !turn.text && turn.plan.length === 0) return null;
  const count = turn.tools.length;
  const words = count === 0 ? "Thoughts" : `${count} tool call${count === 1 ? "" : "s"}`;
  return h(
    "details",
    { key: `turn ${turn.attempt}`, class: "turn" },
    h("summary", null, icon("tool"), words),
    steps(turn),
    turn.text ? h("div", { class: "prose streamed" }, markdown(turn.text)) : null,
  );
}

/** @param {Turn} turn */
function steps(turn) {
  const { usage } = turn;
  return h(
    "div",
    { class: "steps" },
    turn.thought ? h("details", { class: "thought" }, h("summary", null, "Thoughts"), h("p", null, turn.thought)) : null,
    turn.plan.length > 0
      ? h("ol", { class: "plan" }, turn.plan.map((step) => h("li", { "data-progress": step.status }, step.text)))
      : null,
    turn.tools.length > 0
      ? h(
          "ul",
          { class: "tools" },
          turn.tools.map((tool) => h("li", { "data-progress": tool.status }, mark(tool.status), h("code", null, tool.title))),
        )
      : null,
    turn.permissions
      .filter((each) => each.state !== "asked")
      .map((each) => h("p", { class: "small quiet" }, `${each.state === "allowed" ? "Allowed" : "Refused"}: ${each.title}`)),
    usage && usage.size > 0
      ? h(
          "p",
          { class: "small quiet row" },
          h("meter", { min: "0", max: String(usage.size), value: String(usage.used), "aria-label": "Context in use" }),
          `${Math.round((100 * usage.used) / usage.size)} % of its context`,
        )
      : null,
  );
}

/** @param {string} status */
function mark(status) {
  const words = { pending: "not begun", in_progress: "under way", completed: "done", failed: "failed" }[status] ?? status;
  return h("span", { class: `mark mark-${status}`, role: "img", "aria-label": words, title: words });
}
