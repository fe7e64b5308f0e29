/**
 * Places of the page, in the address's fragment: `#/sessions/qs-…/L000003`, `#/new`, `#/peers`. A fragment never reaches
 * the node, so a place can be bookmarked and shared without the node knowing of it.
 */

/**
 * @typedef {object} Place
 * @property {string} page
 * @property {string} id of a session; else empty
 * @property {number | null} line
 */

/** @returns {Place} */
export function place() {
  const [page = "", id = "", line = ""] = location.hash.replace(/^#\/?/, "").split("/").map(decode);
  const number = /^L(\d{6,})$/.exec(line);
  return { page: page || "sessions", id, line: number ? Number(number[1]) : null };
}

/** @param {string} text */
function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
}

/**
 * @param {string} page
 * @param {string} [id]
 * @param {number | null} [line]
 * @returns {string} for `href`
 */
export function link(page, id, line) {
  const parts = [page];
  if (id) parts.push(id);
  if (id && line) parts.push(lineName(line));
  return `#/${parts.map(encodeURIComponent).join("/")}`;
}

/**
 * @param {number} line
 * @returns {string} `L000003`
 */
export function lineName(line) {
  return `L${String(line).padStart(6, "0")}`;
}

/** @param {string} href */
export function go(href) {
  if (location.hash !== href) location.hash = href;
}

/**
 * The place without a new entry in the history.
 *
 * @param {string} href
 */
export function replace(href) {
  history.replaceState(null, "", href);
  dispatchEvent(new HashChangeEvent("hashchange"));
}
