/**
 * The node's own checks, worst first, each with what to do about it. It looks again when asked; below is what the node says
 * in its log. Nothing here changes anything.
 */

import { get } from "../core/api.js";
import { h } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { clockOf, exact } from "../core/time.js";
import { isOpen, toggle } from "../core/ui.js";
import { copied, counted, empty, head, section, tag } from "./parts.js";
import { absent, reading } from "./reading.js";

/** @typedef {import("../core/types.js").Check} Check */
/** @typedef {{number: number, at: string, level: string, target: string, text: string}} LogLine */

const ORDER = { fail: 0, warn: 1, ok: 2 };
const WORDS = { fail: "fails", warn: "look at it", ok: "fine" };
const SIGNS = /** @type {const} */ ({ fail: "error", warn: "error", ok: "check" });
const LINES_MAX = 300;

/** @type {import("./reading.js").Reading<Check[]>} */
const checks = reading(async () => (await get("/doctor")).checks);
/** @type {import("./reading.js").Reading<LogLine[]>} */
const log = reading(async () => (await get("/logs")).lines);

/** @returns {import("../core/dom.js").Child[]} */
export function doctor() {
  checks.want();
  const again = h("button", { type: "button", disabled: checks.busy, on: { click: () => void checks.again() } }, icon("retry"), checks.busy ? "Checking…" : "Check again");
  return [
    head("Doctor", "What is well with this node, and what is not.", again),
    absent(checks),
    checks.data ? [verdict(checks.data), list(checks.data)] : null,
    logs(),
  ];
}

/** @param {Check[]} all */
function verdict(all) {
  const fails = all.filter((each) => each.state === "fail").length;
  const warns = all.filter((each) => each.state === "warn").length;
  const kind = fails > 0 ? "fail" : warns > 0 ? "warn" : "ok";
  const words = fails > 0
    ? `${counted(fails, "check")} ${fails === 1 ? "fails" : "fail"}${warns > 0 ? `, ${warns} more to look at` : ""}.`
    : warns > 0 ? `It works; ${counted(warns, "thing")} to look at.` : "All is well.";
  return h(
    "p",
    { key: "verdict", class: `verdict verdict-${kind}`, role: "status" },
    icon(SIGNS[kind]), h("span", null, h("b", null, words), h("span", { class: "quiet" }, ` ${counted(all.length, "check")} made.`)),
  );
}

/** @param {Check[]} all */
function list(all) {
  const sorted = all.toSorted((a, b) => ORDER[a.state] - ORDER[b.state]);
  return h("ul", { key: "checks", class: "card checks" }, sorted.map((each) => h(
    "li",
    { key: each.id, class: `check check-${each.state}`, "data-check": each.id, "data-state": each.state },
    icon(SIGNS[each.state]),
    h(
      "div",
      null,
      h("h2", null, each.title),
      h("p", null, each.detail),
      each.hint ? h("p", { class: "check-hint" }, commands(each.hint)) : null,
    ),
    tag(each.state, WORDS[each.state]),
  )));
}

/**
 * A hint's words; what stands between backticks is to be typed, and can be copied.
 *
 * @param {string} hint
 */
function commands(hint) {
  return hint.split("`").map((part, at) => (at % 2 === 1 ? copied(part, "command") : part));
}

function logs() {
  const open = isOpen("node log");
  if (open) log.want();
  const turn = () => toggle("node log");
  return section(
    "Log",
    h(
      "span",
      { class: "row" },
      open ? h("button", { type: "button", class: "quiet-button", disabled: log.busy, on: { click: () => void log.again() } }, icon("retry"), "Read again") : null,
      h("button", { type: "button", "aria-expanded": String(open), on: { click: turn } }, open ? "Hide" : "Show"),
    ),
    open ? (absent(log) ?? lines(log.data ?? [])) : h("p", { class: "small quiet" }, "The newest that this node said about itself. It is good to have at hand when you ask somebody for help."),
  );
}

/** @param {LogLine[]} all */
function lines(all) {
  if (all.length === 0) return empty("Nothing was said yet.");
  return h(
    "div",
    { class: "log scroll", tabindex: "0", role: "region", "aria-label": "Log lines", made: (/** @type {Element} */ element) => (element.scrollTop = element.scrollHeight) },
    all.slice(-LINES_MAX).map((line) => h(
      "div",
      { key: String(line.number), class: `log-line log-${line.level}` },
      h("time", { datetime: line.at, title: exact(line.at) }, clockOf(line.at)), " ",
      h("b", null, line.level), " ", h("span", { class: "quiet" }, line.target), ` ${line.text}`,
    )),
  );
}
