/**
 * Elements as data, and one function that brings the page in step with them. Views return what `h` makes; `patch` changes
 * only what differs, so that focus, caret, selection and scroll positions stay where they are. No text ever becomes
 * markup: strings are text nodes and attribute values, and nothing here parses HTML.
 */

/** @typedef {string | number | boolean | null | undefined} Plain */
/** @typedef {VElement | string} VNode */
/** @typedef {VNode | number | null | undefined | false | Child[]} Child */

/**
 * @typedef {object} Props
 * @property {string} [key] keeps an element's identity among its siblings
 * @property {Record<string, (event: any) => void>} [on] listeners by event name
 * @property {Record<string, string>} [style] CSS properties; custom ones too
 * @property {Record<string, unknown>} [prop] DOM properties, such as `value`
 * @property {(element: any) => void} [made] called once, when the element has been put into the page
 */

/**
 * @typedef {object} VElement
 * @property {string} tag
 * @property {Props & Record<string, any>} props
 * @property {VNode[]} children
 */

const SVG = "http://www.w3.org/2000/svg";
const OWN = new Set(["key", "on", "style", "prop", "made"]);

/** @type {WeakMap<Element, VElement>} what an element was made from */
const sources = new WeakMap();
/** @type {(() => void)[]} what new elements want called */
const fresh = [];

/**
 * Describes an element. Attributes that are `null`, `undefined` or `false` are left out, `true` stands for an empty one.
 *
 * @param {string} tag
 * @param {(Props & Record<string, any>) | null} [props]
 * @param {...Child} children
 * @returns {VElement}
 */
export function h(tag, props, ...children) {
  return { tag, props: props ?? {}, children: flat(children) };
}

/**
 * @param {Child[]} children
 * @param {VNode[]} [into]
 * @returns {VNode[]}
 */
function flat(children, into = []) {
  for (const child of children) {
    if (Array.isArray(child)) flat(child, into);
    else if (typeof child === "number") into.push(String(child));
    else if (child !== null && child !== undefined && child !== false && child !== "") into.push(child);
  }
  return into;
}

/**
 * Makes the children of `parent` be these. An element is kept when key and tag are the same; a description that is the
 * very same object as before is not looked into.
 *
 * @param {Element} parent
 * @param {Child[]} children
 */
export function patch(parent, children) {
  patchChildren(parent, flat(children));
  // Only now are new elements in the page, where they have a size and can take the focus.
  for (const made of fresh.splice(0)) made();
}

/**
 * @param {Element} parent
 * @param {VNode[]} next
 */
function patchChildren(parent, next) {
  const { keyed, free } = pool(parent);
  /** @type {ChildNode | null} */
  let at = parent.firstChild;
  for (const child of next) {
    const found = typeof child === "string" ? null : take(keyed, free, child);
    if (typeof child === "string") {
      at = patchText(parent, at, child);
      continue;
    }
    const element = found ?? create(parent, child);
    if (found) patchElement(found, child);
    if (element === at) {
      at = at.nextSibling;
    } else if (at && !found) {
      parent.insertBefore(element, at);
    } else if (at && at.nextSibling === element && !wanted(at, next)) {
      // One sibling went away: it is taken out instead of moving all that follow.
      const gone = at;
      at = element.nextSibling;
      gone.remove();
    } else {
      parent.insertBefore(element, at);
    }
    if (!found && child.props.made) fresh.push(() => child.props.made?.(element));
  }
  while (at) {
    const gone = at;
    at = at.nextSibling;
    gone.remove();
  }
}

/**
 * Whether the node's description is among those that come.
 *
 * @param {Node} node
 * @param {VNode[]} next
 */
function wanted(node, next) {
  if (!(node instanceof Element)) return false;
  const key = sources.get(node)?.props.key;
  return key !== undefined && next.some((child) => typeof child !== "string" && child.props.key === key);
}

/** @param {Element} parent */
function pool(parent) {
  /** @type {Map<string, Element>} */
  const keyed = new Map();
  /** @type {Map<string, Element[]>} */
  const free = new Map();
  for (const element of parent.children) {
    const source = sources.get(element);
    if (!source) continue;
    const key = source.props.key;
    if (key !== undefined) keyed.set(`${source.tag} ${key}`, element);
    else if (free.has(source.tag)) free.get(source.tag)?.push(element);
    else free.set(source.tag, [element]);
  }
  return { keyed, free };
}

/**
 * @param {Map<string, Element>} keyed
 * @param {Map<string, Element[]>} free
 * @param {VElement} child
 * @returns {Element | null}
 */
function take(keyed, free, child) {
  const { key } = child.props;
  if (key === undefined) return free.get(child.tag)?.shift() ?? null;
  const name = `${child.tag} ${key}`;
  const found = keyed.get(name) ?? null;
  keyed.delete(name);
  return found;
}

/**
 * @param {Element} parent
 * @param {ChildNode | null} at
 * @param {string} text
 * @returns {ChildNode | null} the node after it
 */
function patchText(parent, at, text) {
  if (at instanceof Text) {
    if (at.data !== text) at.data = text;
    return at.nextSibling;
  }
  parent.insertBefore(document.createTextNode(text), at);
  return at;
}

/**
 * @param {Element} parent
 * @param {VElement} child
 * @returns {Element}
 */
function create(parent, child) {
  const svg = child.tag === "svg" || (parent.namespaceURI === SVG && parent.tagName !== "foreignObject");
  const element = svg ? document.createElementNS(SVG, child.tag) : document.createElement(child.tag);
  sources.set(element, { tag: child.tag, props: {}, children: [] });
  patchElement(element, child);
  return element;
}

/**
 * @param {Element} element
 * @param {VElement} next
 */
function patchElement(element, next) {
  const before = sources.get(element);
  if (before === next) return;
  const old = before?.props ?? {};
  patchAttributes(element, old, next.props);
  patchListeners(element, old.on ?? {}, next.props.on ?? {});
  patchStyle(element, old.style ?? {}, next.props.style ?? {});
  sources.set(element, next);
  patchChildren(element, next.children);
  for (const [name, value] of Object.entries(next.props.prop ?? {})) {
    // Compared with the page, not with what was wanted before: people type.
    if (/** @type {any} */ (element)[name] !== value) /** @type {any} */ (element)[name] = value;
  }
}

/**
 * @param {Element} element
 * @param {Record<string, any>} old
 * @param {Record<string, any>} next
 */
function patchAttributes(element, old, next) {
  for (const name of Object.keys(old)) {
    if (!OWN.has(name) && absent(next[name])) element.removeAttribute(name);
  }
  for (const [name, value] of Object.entries(next)) {
    if (OWN.has(name) || absent(value) || old[name] === value) continue;
    element.setAttribute(name, value === true ? "" : String(value));
  }
}

/** @param {unknown} value */
function absent(value) {
  return value === null || value === undefined || value === false;
}

/**
 * An element listens once for each name; what it calls is looked up when the event comes.
 *
 * @param {Element} element
 * @param {Record<string, (event: any) => void>} old
 * @param {Record<string, (event: any) => void>} next
 */
function patchListeners(element, old, next) {
  for (const name of Object.keys(next)) {
    if (!(name in old)) element.addEventListener(name, dispatch);
  }
  for (const name of Object.keys(old)) {
    if (!(name in next)) element.removeEventListener(name, dispatch);
  }
}

/** @param {Event} event */
function dispatch(event) {
  const element = /** @type {Element} */ (event.currentTarget);
  sources.get(element)?.props.on?.[event.type]?.(event);
}

/**
 * @param {Element} element
 * @param {Record<string, string>} old
 * @param {Record<string, string>} next
 */
function patchStyle(element, old, next) {
  const style = /** @type {HTMLElement} */ (element).style;
  for (const name of Object.keys(old)) if (!(name in next)) style.removeProperty(name);
  for (const [name, value] of Object.entries(next)) if (old[name] !== value) style.setProperty(name, value);
}
