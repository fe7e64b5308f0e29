/** Command lines as people type them, split and joined as a shell does for quotes. Nothing is expanded: no `$`, no `~`, no `*`. */

/**
 * @param {string} text
 * @returns {{parts: string[], error: string}}
 */
export function splitCommand(text) {
  /** @type {string[]} */
  const parts = [];
  /** @type {string | null} */
  let part = null;
  let quote = "";
  for (let at = 0; at < text.length; at += 1) {
    const char = text.charAt(at);
    const escapes = char === "\\" && (quote === "" || (quote === '"' && /["\\]/.test(text.charAt(at + 1))));
    if (escapes) {
      at += 1;
      part = (part ?? "") + text.charAt(at);
    } else if (quote) {
      if (char === quote) quote = "";
      else part = (part ?? "") + char;
    } else if (char === "'" || char === '"') {
      quote = char;
      part ??= "";
    } else if (/\s/.test(char)) {
      if (part !== null) parts.push(part);
      part = null;
    } else {
      part = (part ?? "") + char;
    }
  }
  if (part !== null) parts.push(part);
  return { parts, error: quote ? `A quote (${quote}) is not closed.` : "" };
}

/**
 * @param {string[]} parts
 * @returns {string} that splits into them
 */
export function joinCommand(parts) {
  return parts.map((part) => (/^[\w@%+=:,./-]+$/.test(part) ? part : `'${part.replaceAll("'", `'\\''`)}'`)).join(" ");
}
