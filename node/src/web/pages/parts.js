/**
 * The parts that the pages about the node are made of: heads, sections, facts, tables, fields, texts to copy. They look the
 * same everywhere and know nothing of what is in them.
 */

import { h } from "../core/dom.js";
import { icon } from "../core/icons.js";
import { exact, ago } from "../core/time.js";
import { copy, isOpen } from "../core/ui.js";

/** @typedef {import("../core/dom.js").Child} Child */

/**
 * The head of a page.
 *
 * @param {string} title
 * @param {Child} lead what is seen here, in a sentence
 * @param {...Child} actions
 */
export function head(title, lead, ...actions) {
  const right = actions.length > 0 ? h("div", { class: "row page-actions" }, actions) : null;
  return h("header", { key: "head", class: "page-head" }, h("div", null, h("h1", null, title), h("p", { class: "quiet" }, lead)), right);
}

/**
 * @param {string} title
 * @param {Child} action at the right of the title
 * @param {...Child} children
 */
export function section(title, action, ...children) {
  return h("section", { key: title, class: "card part", "aria-label": title }, h("div", { class: "part-head" }, h("h2", null, title), action), children);
}

/**
 * Names and what they stand for; what is not there is left out.
 *
 * @param {[string, Child][]} list
 */
export function facts(list) {
  const there = list.filter(([, what]) => what !== null && what !== undefined && what !== false && what !== "");
  return h("dl", { class: "facts" }, there.map(([name, what]) => h("div", { key: name }, h("dt", null, name), h("dd", null, what))));
}

/**
 * A text in the manner of a terminal, with a button that copies it.
 *
 * @param {string} text
 * @param {string} what it is, for the notice and for those who do not see the button
 * @param {string} [shown] less of it
 */
export function copied(text, what, shown) {
  return h(
    "span",
    { class: "copied" },
    h("code", { title: shown ? text : null }, shown ?? text),
    h("button", { type: "button", class: "icon-button", "aria-label": `Copy ${what}`, title: "Copy", on: { click: () => void copy(text, upper(what)) } }, icon("copy")),
  );
}

/** @param {string} text */
export function upper(text) {
  return text.replace(/^./, (first) => first.toUpperCase());
}

/**
 * A key for people: its beginning tells it from the others of a workspace.
 *
 * @param {string} key
 */
export function shortKey(key) {
  return `${key.slice(0, 10)}…`;
}

/**
 * @param {string | null | undefined} at RFC 3339
 * @returns {Child}
 */
export function when(at) {
  return at ? h("time", { datetime: at, title: exact(at) }, ago(at)) : "never";
}

/**
 * When somebody who is away was here.
 *
 * @param {string | null | undefined} at RFC 3339
 */
export function seen(at) {
  return at ? ["last seen ", when(at)] : "never seen";
}

/** @param {boolean} on @param {Child} words */
export function lamp(on, words) {
  return h("span", { class: "lamp" }, h("span", { class: `dot ${on ? "dot-on" : "dot-off"}`, "aria-hidden": "true" }), words);
}

/** @param {"ok" | "warn" | "fail" | ""} state @param {string} words */
export function tag(state, words) {
  return h("span", { class: `status ${state ? `state-${state}` : ""}` }, words);
}

/**
 * @param {string} text
 */
export function empty(text) {
  return h("p", { class: "quiet none" }, text);
}

/**
 * @typedef {object} Row
 * @property {string} key
 * @property {Child[]} cells as many as there are columns
 * @property {Child} [more] under the row, over its whole width
 * @property {boolean} [marked]
 */

/**
 * A table that becomes cards where there is no room; its roles are told, because changed layouts lose them.
 *
 * @param {string} label
 * @param {string[]} columns an empty name for buttons
 * @param {Row[]} rows
 */
export function table(label, columns, rows) {
  return h(
    "table",
    { class: "table", role: "table", "aria-label": label },
    h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, columns.map((name) => h("th", { role: "columnheader", scope: "col" }, name || h("span", { class: "hidden" }, "Actions"))))),
    h("tbody", { role: "rowgroup" }, rows.map((row) => [line(row, columns), row.more ? under(row, columns) : null])),
  );
}

/** @param {Row} row @param {string[]} columns */
function line(row, columns) {
  return h(
    "tr",
    { key: row.key, role: "row", class: `${row.marked ? "marked-row" : ""} ${row.more ? "goes-on" : ""}`, "data-row": row.key },
    row.cells.map((cell, at) => h("td", { role: "cell", "data-column": columns[at] || null }, h("div", null, cell))),
  );
}

/** @param {Row} row @param {string[]} columns */
function under(row, columns) {
  return h("tr", { key: `${row.key} more`, role: "row", class: `more-row ${row.marked ? "marked-row" : ""}` }, h("td", { role: "cell", colspan: String(columns.length) }, row.more ?? null));
}

/**
 * A labelled control. The hint describes the control and is no part of its name.
 *
 * @param {string} scope of the form, so that names may come again in another one
 * @param {string} label
 * @param {import("../core/dom.js").VElement} control
 * @param {string} [hint]
 */
export function field(scope, label, control, hint) {
  const id = `${scope}-${label}`.toLowerCase().replace(/[^a-z0-9]+/g, "-");
  const describes = hint ? `${id}-hint` : null;
  return h(
    "div",
    { key: label, class: "field" },
    h("label", { for: id, class: "field-name" }, label),
    h(control.tag, { "aria-describedby": describes, ...control.props, id }, control.children),
    hint ? h("span", { id: describes, class: "small quiet" }, hint) : null,
  );
}

/**
 * @param {string} value
 * @param {(value: string) => void} set
 * @param {Record<string, any>} [more] attributes
 */
export function input(value, set, more) {
  return h("input", { type: "text", autocomplete: "off", spellcheck: "false", autocapitalize: "off", ...more, prop: { value }, on: { input: (event) => set(event.target.value) } });
}

/**
 * @param {string} value
 * @param {(value: string) => void} set
 * @param {[string, string][]} options value and name
 * @param {Record<string, any>} [more]
 */
export function select(value, set, options, more) {
  return h(
    "select",
    { ...more, prop: { value }, on: { change: (event) => set(event.target.value) } },
    options.map(([each, name]) => h("option", { key: each, value: each }, name)),
  );
}

/**
 * A button that is out of use while what it began goes on.
 *
 * @param {string} name of what is under way, as for `doing`
 * @param {Child} words
 * @param {() => void} act
 * @param {Record<string, any>} [more]
 */
export function action(name, words, act, more) {
  return h("button", { type: "button", disabled: isOpen(name), ...more, on: { click: act } }, words);
}

/** @param {number} count @param {string} one @param {string} [many] */
export function counted(count, one, many = `${one}s`) {
  return `${count.toLocaleString("en-GB")} ${count === 1 ? one : many}`;
}

/** @param {number} bytes */
export function size(bytes) {
  const units = ["bytes", "KB", "MB", "GB", "TB"];
  let at = 0;
  let left = bytes;
  while (left >= 1_000 && at < units.length - 1) [left, at] = [left / 1_000, at + 1];
  return at === 0 ? counted(bytes, "byte") : `${left.toFixed(left < 10 ? 1 : 0)} ${units[at]}`;
}
