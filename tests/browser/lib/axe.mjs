// What axe finds on a page: rules of WCAG 2.2 A and AA and of good practice. Nothing may remain.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';

const SOURCE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** @typedef {{ id: string, impact: string, help: string, nodes: { target: string[], failureSummary: string }[] }} Violation */

/**
 * Fails with what is wrong and where. Axe is put into the page by the debugger, past the content security policy, which
 * stays as it is.
 * @param {import('playwright-core').Page} page
 * @param {string} where
 */
export async function accessible(page, where) {
  const known = await page.evaluate(() => 'axe' in globalThis);
  if (!known) await page.evaluate(SOURCE);
  const found = await page.evaluate(async () => {
    const { axe } = /** @type {any} */ (globalThis);
    const { violations } = await axe.run(document, { resultTypes: ['violations'] });
    return /** @type {Violation[]} */ (violations.map((/** @type {Violation} */ one) => ({
      id: one.id, impact: one.impact, help: one.help,
      nodes: one.nodes.slice(0, 3).map(({ target, failureSummary }) => ({ target, failureSummary })),
    })));
  });
  const words = found.map(({ id, impact, help, nodes }) => `${impact}: ${id}: ${help}: ${nodes.map(told).join('; ')}`);
  assert.equal(words.length, 0, `${where}: ${words.join('\n')}`);
}

/** @param {Violation['nodes'][number]} node */
function told({ target, failureSummary }) {
  const contrast = /contrast of [\d.]+ \([^)]*\)/.exec(failureSummary);
  return target.join(' ') + (contrast ? ` (${contrast[0]})` : '');
}
