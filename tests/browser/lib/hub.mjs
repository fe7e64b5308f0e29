// The page as people see it: where things are, by what they are called, and the few things that are done in most tests.

import { until } from './wait.mjs';

/** @typedef {import('playwright-core').Page} Page */
/** @typedef {import('playwright-core').Locator} Locator */

/** A row of the list. @param {Page} page @param {string} id @returns {Locator} */
export const row = (page, id) => page.locator(`.list-pane [data-session="${id}"]`);

/** Where a message to a session is written. @param {Page} page @param {string} id of the session, or `new` @returns {Locator} */
export const field = (page, id) => page.locator(`[data-composer="${id}"] textarea`);

/** The lines of the session that is open. @param {Page} page @returns {Locator} */
export const lines = (page) => page.getByRole('log').getByRole('article');

/** One of these lines. @param {Page} page @param {number} number @returns {Locator} */
export const line = (page, number) => page.locator(`[data-line="${number}"]`);

/** The title of the session that is open. @param {Page} page @returns {Locator} */
export const title = (page) => page.locator('.thread h1');

/** Opens a session by its address. @param {Page} page @param {string} id */
export async function show(page, id) {
  await visit(page, `#/sessions/${id}`);
  await field(page, id).or(page.locator('.thread-foot')).first().waitFor();
}

/** Goes to a place of the page, as a link would. @param {Page} page @param {string} hash */
export async function visit(page, hash) {
  await page.evaluate((to) => { location.hash = to; }, hash);
}

/** The id of the session that is open. @param {Page} page @returns {Promise<string>} */
export async function openId(page) {
  return until('a session to be open', () => /#\/sessions\/(qs-[0-9A-Z]{26})/.exec(page.url())?.[1] ?? '');
}

/** Begins a session through the form; its id. @param {Page} page @param {string} agent @param {string} message */
export async function begin(page, agent, message) {
  await visit(page, '#/new');
  await page.getByRole('radio', { name: `@${agent}` }).check();
  await field(page, 'new').fill(message);
  await page.getByRole('button', { name: 'Start' }).click();
  return openId(page);
}

/** Waits for a text to be exactly this. @param {Locator} locator @param {string} text */
export async function reads(locator, text) {
  let last = '';
  await until(`${locator} to read ${JSON.stringify(text)}`, async () => {
    last = (await locator.textContent({ timeout: 1_000 }).catch(() => '')) ?? '';
    return last.trim() === text;
  }, 10_000).catch((error) => { throw new Error(`${error.message}; it reads ${JSON.stringify(last)}`); });
}

/** Waits for a field to hold exactly this. @param {Locator} locator @param {string} text */
export async function holds(locator, text) {
  let last = '';
  await until(`${locator} to hold ${JSON.stringify(text)}`, async () => {
    last = await locator.inputValue({ timeout: 1_000 }).catch(() => '');
    return last === text;
  }, 10_000).catch((error) => { throw new Error(`${error.message}; it holds ${JSON.stringify(last)}`); });
}

/** Waits for so many. @param {Locator} locator @param {number} count */
export async function counts(locator, count) {
  await until(`${count} of ${locator}`, async () => (await locator.count()) === count, 10_000);
}

/** Waits until it is not shown any more. @param {Locator} locator */
export async function gone(locator) {
  await locator.waitFor({ state: 'hidden' });
}
