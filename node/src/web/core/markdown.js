/**
 * Markdown as people and agents write it in messages, as elements: paragraphs, headings, lists, quotes, code, tables, links
 * and emphasis. It makes descriptions of elements, never markup, so a message can do no more than this. What is not known
 * stays as it was typed. Links lead to http, https and mailto alone, and tell the other site nothing.
 *
 * Every construct is found with a bounded look ahead, so that no message takes more than time linear in its length.
 */

import { h } from "./dom.js";
import { chip } from "../hub/chip.js";
import { REFERENCE, isApart } from "./reference.js";

/** @typedef {import("./dom.js").VNode} VNode */

/** Quotes in lists in quotes: deeper ones are shown flat. */
const DEPTH_MAX = 6;

const FENCE = /^ {0,3}(`{3,}|~{3,})\s*([\w+#.-]{0,30})[^`]*$/;
const HEADING = /^ {0,3}(#{1,6})\s+(.+?)\s*#*$/;
const RULE = /^ {0,3}(?:(?:\*\s*){3,}|(?:-\s*){3,}|(?:_\s*){3,})$/;
const QUOTE = /^ {0,3}> ?(.*)$/;
const ITEM = /^( *)(?:([-*+])|(\d{1,9})[.)])\s+(.*)$/;
const TABLE_RULE = /^ {0,3}\|?\s*:?-+:?\s*(?:\|\s*:?-+:?\s*)*\|?\s*$/;

/**
 * @param {string} text
 * @returns {VNode[]}
 */
export function markdown(text) {
  return blocks(text.replaceAll("\r\n", "\n").split("\n"), 0);
}

/**
 * @param {string[]} lines
 * @param {number} depth
 * @returns {VNode[]}
 */
function blocks(lines, depth) {
  /** @type {VNode[]} */
  const made = [];
  let at = 0;
  while (at < lines.length) {
    const line = lines[at] ?? "";
    if (line.trim() === "") {
      at += 1;
      continue;
    }
    const [node, next] = block(lines, at, depth);
    made.push(node);
    at = next;
  }
  return made;
}

/**
 * The block that begins at a line that is not blank, and the line after it.
 *
 * @param {string[]} lines
 * @param {number} at
 * @param {number} depth
 * @returns {[VNode, number]}
 */
function block(lines, at, depth) {
  const line = lines[at] ?? "";
  const fence = FENCE.exec(line);
  if (fence) return code(lines, at, fence[1] ?? "```", fence[2] ?? "");
  const heading = HEADING.exec(line);
  if (heading) {
    const level = Math.min((heading[1] ?? "#").length + 2, 6);
    return [h(`h${level}`, null, inline(heading[2] ?? "")), at + 1];
  }
  if (RULE.test(line)) return [h("hr", null), at + 1];
  if (depth < DEPTH_MAX && QUOTE.test(line)) return quote(lines, at, depth);
  if (depth < DEPTH_MAX && ITEM.test(line)) return list(lines, at, depth);
  if (line.includes("|") && TABLE_RULE.test(lines[at + 1] ?? "") && (lines[at + 1] ?? "").includes("-")) {
    return table(lines, at);
  }
  return paragraph(lines, at, depth);
}

/**
 * @param {string[]} lines
 * @param {number} at
 * @param {string} mark
 * @param {string} language
 * @returns {[VNode, number]}
 */
function code(lines, at, mark, language) {
  let end = at + 1;
  while (end < lines.length && !closes(lines[end] ?? "", mark)) end += 1;
  const text = lines.slice(at + 1, end).join("\n");
  const label = language ? `Code, ${language}` : "Code";
  return [h("pre", { tabindex: "0", role: "group", "aria-label": label }, h("code", null, text)), end + 1];
}

/** @param {string} line @param {string} mark */
function closes(line, mark) {
  const text = line.trim();
  return text.length >= mark.length && text === (mark[0] ?? "`").repeat(text.length);
}

/**
 * @param {string[]} lines
 * @param {number} at
 * @param {number} depth
 * @returns {[VNode, number]}
 */
function quote(lines, at, depth) {
  const inner = [];
  let end = at;
  for (; end < lines.length; end += 1) {
    const found = QUOTE.exec(lines[end] ?? "");
    if (!found) break;
    inner.push(found[1] ?? "");
  }
  return [h("blockquote", null, blocks(inner, depth + 1)), end];
}

/**
 * @param {string[]} lines
 * @param {number} at
 * @param {number} depth
 * @returns {[VNode, number]}
 */
function list(lines, at, depth) {
  const first = ITEM.exec(lines[at] ?? "");
  const indent = (first?.[1] ?? "").length;
  const ordered = first?.[3] !== undefined;
  /** @type {VNode[]} */
  const items = [];
  let end = at;
  while (end < lines.length) {
    const found = ITEM.exec(lines[end] ?? "");
    if (!found || (found[1] ?? "").length > indent + 1 || (found[3] !== undefined) !== ordered) break;
    if ((found[1] ?? "").length < indent) break;
    const inner = [found[4] ?? ""];
    const width = indent + 2;
    for (end += 1; end < lines.length; end += 1) {
      const line = lines[end] ?? "";
      const blank = line.trim() === "";
      if (blank ? !indented(lines[end + 1], width) : !indented(line, width) && isBlockStart(line)) break;
      if (!blank && !indented(line, width) && (lines[end - 1] ?? "").trim() === "") break;
      inner.push(blank ? "" : line.slice(Math.min(width, line.length - line.trimStart().length)));
    }
    items.push(item(inner, depth));
    while (end < lines.length && (lines[end] ?? "").trim() === "" && sameList(lines[end + 1], indent, ordered)) end += 1;
  }
  const start = ordered && first?.[3] !== "1" ? { start: first?.[3] } : null;
  return [h(ordered ? "ol" : "ul", start, items), end];
}

/** @param {string | undefined} line @param {number} width */
function indented(line, width) {
  return line !== undefined && line.trim() !== "" && line.length - line.trimStart().length >= width;
}

/** @param {string | undefined} line @param {number} indent @param {boolean} ordered */
function sameList(line, indent, ordered) {
  const found = ITEM.exec(line ?? "");
  return found !== null && (found[1] ?? "").length === indent && (found[3] !== undefined) === ordered;
}

/**
 * An item; one with a single paragraph stands without the space around it.
 *
 * @param {string[]} lines
 * @param {number} depth
 */
function item(lines, depth) {
  const made = blocks(lines, depth + 1);
  const flat = made.map((node, index) => {
    const lone = index === 0 && typeof node !== "string" && node.tag === "p";
    return lone ? node.children : node;
  });
  return h("li", null, flat);
}

/** @param {string} line */
function isBlockStart(line) {
  return ITEM.test(line) || FENCE.test(line) || HEADING.test(line) || RULE.test(line) || QUOTE.test(line);
}

/**
 * @param {string[]} lines
 * @param {number} at
 * @returns {[VNode, number]}
 */
function table(lines, at) {
  const head = cells(lines[at] ?? "");
  let end = at + 2;
  /** @type {VNode[]} */
  const rows = [];
  for (; end < lines.length && (lines[end] ?? "").includes("|"); end += 1) {
    const row = cells(lines[end] ?? "").slice(0, head.length);
    rows.push(h("tr", null, row.map((text) => h("td", null, inline(text)))));
  }
  const header = h("tr", null, head.map((text) => h("th", { scope: "col" }, inline(text))));
  const whole = h("table", null, h("thead", null, header), h("tbody", null, rows));
  return [h("div", { class: "wide", tabindex: "0", role: "group", "aria-label": "Table" }, whole), end];
}

/** @param {string} line */
function cells(line) {
  return line.trim().replace(/^\|/, "").replace(/\|$/, "").split("|").slice(0, 40).map((cell) => cell.trim());
}

/**
 * @param {string[]} lines
 * @param {number} at
 * @param {number} depth
 * @returns {[VNode, number]}
 */
function paragraph(lines, at, depth) {
  let end = at + 1;
  while (end < lines.length && (lines[end] ?? "").trim() !== "") {
    if (depth < DEPTH_MAX ? isBlockStart(lines[end] ?? "") : FENCE.test(lines[end] ?? "")) break;
    end += 1;
  }
  return [h("p", null, inline(lines.slice(at, end).join("\n"))), end];
}

const SPECIAL = /[\\`*_~[\nhs]/g;
const CODE = /(`{1,3})(?!`)([^\n]{1,2000}?[^`\n]|[^`\n])\1(?!`)/y;
const STRONG = /(\*\*|__)(?=\S)([^\n]{0,1999}?\S)\1/y;
const EM = /([*_])(?![\s*_])([^\n*_]{0,1999}[^\s*_])\1(?![\w*])/y;
const STRIKE = /~~(?=\S)([^\n~]{1,2000})~~/y;
const LINK = /\[([^\][\n]{1,500})\]\(([^()\s]{1,2000})\)/y;
const URL_TEXT = /https?:\/\/[^\s<>"'`)\]}]{1,2000}/y;

/**
 * @param {string} text
 * @param {number} [depth]
 * @returns {VNode[]}
 */
export function inline(text, depth = 0) {
  /** @type {VNode[]} */
  const made = [];
  let from = 0;
  SPECIAL.lastIndex = 0;
  const scan = new RegExp(SPECIAL);
  for (let found = scan.exec(text); found; found = scan.exec(text)) {
    const at = found.index;
    if (at < from) continue;
    const [node, length] = span(text, at, depth);
    if (length === 0) continue;
    if (at > from) made.push(text.slice(from, at));
    if (node !== null) made.push(node);
    from = at + length;
    scan.lastIndex = from;
  }
  if (from < text.length) made.push(text.slice(from));
  return made;
}

/**
 * What stands at a place, and how long it is; length 0: nothing but text.
 *
 * @param {string} text
 * @param {number} at
 * @param {number} depth
 * @returns {[VNode | null, number]}
 */
function span(text, at, depth) {
  /** @param {RegExp} pattern */
  const match = (pattern) => {
    pattern.lastIndex = at;
    return pattern.exec(text);
  };
  /** @param {string} tag @param {string} inner */
  const nested = (tag, inner) => h(tag, null, depth < DEPTH_MAX ? inline(inner, depth + 1) : inner);
  /** @type {RegExpExecArray | null} */
  let found;
  switch (text[at]) {
    case "\n":
      return [h("br", null), 1];
    case "\\":
      return /[\\`*_~[\]()#|>-]/.test(text[at + 1] ?? "") ? [text[at + 1] ?? "", 2] : [null, 0];
    case "`":
      found = match(CODE);
      return found ? [h("code", null, found[2] ?? ""), found[0].length] : [null, 0];
    case "*":
    case "_":
      if (text[at] === "_" && /\w/.test(text[at - 1] ?? "")) return [null, 0];
      found = match(STRONG);
      if (found) return [nested("strong", found[2] ?? ""), found[0].length];
      found = match(EM);
      return found ? [nested("em", found[2] ?? ""), found[0].length] : [null, 0];
    case "~":
      found = match(STRIKE);
      return found ? [nested("del", found[1] ?? ""), found[0].length] : [null, 0];
    case "[":
      found = match(LINK);
      return found && isSafe(found[2] ?? "") ? [anchor(found[2] ?? "", found[1] ?? ""), found[0].length] : [null, 0];
    case "h":
      found = match(URL_TEXT);
      return found && !/\w/.test(text[at - 1] ?? "") ? bare(found[0]) : [null, 0];
    default:
      found = match(REFERENCE);
      return found && isApart(text, at, found[0].length) ? [chip(found[1] ?? "", found[2]), found[0].length] : [null, 0];
  }
}

/**
 * An address without the full stop that ends its sentence.
 *
 * @param {string} text
 * @returns {[VNode, number]}
 */
function bare(text) {
  const address = text.replace(/[.,;:!?*_~]+$/, "");
  return [anchor(address, address), address.length];
}

/** @param {string} address @param {string} text */
function anchor(address, text) {
  return h("a", { href: address, target: "_blank", rel: "noopener noreferrer" }, text);
}

/** @param {string} address */
function isSafe(address) {
  return /^(https?:\/\/|mailto:)/i.test(address);
}
