/** A QR code from the node's rows of modules, as one path with sharp edges, dark on white whatever the colours of the page. */

import { h } from "../core/dom.js";

/** Light modules around it, as readers want them. */
const QUIET = 4;

/**
 * @param {string[]} rows of `0` and `1`
 * @param {string} label
 */
export function qr(rows, label) {
  const side = rows.length + 2 * QUIET;
  return h(
    "svg",
    { class: "qr", viewBox: `0 0 ${side} ${side}`, role: "img", "aria-label": label, "shape-rendering": "crispEdges" },
    h("rect", { width: side, height: side, fill: "#fff" }),
    h("path", { d: rows.map(runs).join(""), fill: "#000" }),
  );
}

/** Dark modules side by side as one rectangle. @param {string} row @param {number} y */
function runs(row, y) {
  return [...row.matchAll(/1+/g)].map((run) => `M${run.index + QUIET} ${y + QUIET}h${run[0].length}v1h-${run[0].length}z`).join("");
}
