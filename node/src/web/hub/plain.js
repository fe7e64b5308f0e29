/**
 * Messages as one line of plain text, for rows and cards: without the marks of markdown, and with the names of sessions
 * instead of their references.
 */

import { REFERENCES } from "../core/reference.js";
import { state } from "../core/store.js";

/**
 * @param {string} text
 * @returns {string}
 */
export function plain(text) {
  return text
    .replace(REFERENCES, (whole, id, line) => {
      const title = state.sessions.get(id)?.title;
      return title ? `“${title}”${line ? ` L${Number(line)}` : ""}` : whole;
    })
    .replace(/(^|\s)(?:#{1,6}|>|[-*+])\s+/g, "$1")
    .replace(/(\*\*|__|~~|`{1,3})(?=\S)([^\n]*?\S)\1/g, "$2")
    .replace(/\s+/g, " ")
    .trim();
}
