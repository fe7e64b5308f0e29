/** The pages about the node, in the order in which they are listed. */

import { overview } from "./overview.js";

/**
 * @typedef {object} Page
 * @property {string} name in the address
 * @property {string} title
 * @property {import("../core/icons.js").IconName} icon
 * @property {(here: import("../core/router.js").Place) => import("../core/dom.js").Child[]} view
 */

/** @type {Page[]} */
export const PAGES = [{ name: "overview", title: "Overview", icon: "overview", view: overview }];
