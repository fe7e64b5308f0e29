/** The order in which sessions are listed. */

/** @typedef {import("../core/types.js").Item} Item */

/**
 * @param {Item} a
 * @param {Item} b
 */
export function newestFirst(a, b) {
  if (a.updated_at !== b.updated_at) return a.updated_at < b.updated_at ? 1 : -1;
  return a.id < b.id ? 1 : -1;
}
