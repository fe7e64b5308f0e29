/**
 * References to sessions and lines, `session:qs-…` and `session:qs-…:L000003`, as the node's own rule recognises them: only
 * where neither neighbour is a letter, a digit, or one of `_ - / \`, and no second `:L` follows.
 */

import { lineName } from "./router.js";

/** At a place (sticky): the id, and the digits of the line if there is one. */
export const REFERENCE = /session:(qs-[0-9A-HJKMNP-TV-Z]{26})(?::L(\d{6,12}))?/y;
/** The same, anywhere in a text. */
export const REFERENCES = new RegExp(REFERENCE.source, "g");

const NEIGHBOUR = /[\p{L}\p{N}_\-/\\]/u;

/**
 * Whether what stands at `at` is apart from its neighbours.
 *
 * @param {string} text
 * @param {number} at
 * @param {number} length
 */
export function isApart(text, at, length) {
  const before = text.slice(Math.max(0, at - 2), at);
  const after = text.slice(at + length, at + length + 2);
  const last = [...before].at(-1);
  const [first] = after;
  return !(last && NEIGHBOUR.test(last)) && !(first && NEIGHBOUR.test(first)) && !after.startsWith(":L");
}

/**
 * @param {string} id
 * @param {number | null} [line]
 * @returns {string}
 */
export function reference(id, line) {
  return line ? `session:${id}:${lineName(line)}` : `session:${id}`;
}

/** Type of dragged references. Plain text goes along, for other programs. */
export const DRAG_TYPE = "application/x-starling-reference";
