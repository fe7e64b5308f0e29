// References: put into a message by dragging, by `@` and by button, and read as chips that show what they lead to.

import assert from 'node:assert/strict';
import { counts, field, gone, holds, line, lines, row, show, visit } from './lib/hub.mjs';
import { story } from './lib/story.mjs';

const test = story('coder');

/** Two answered sessions on A, the first of which is open. @param {import('./lib/story.mjs').World} world @param {string} other first message of the second */
async function two({ a, page }, other) {
  const [here, there] = [await a.open('coder', 'Where I write'), await a.open('coder', other)];
  await Promise.all([a.shows(here), a.shows(there)]);
  await show(page, here);
  await line(page, 2).waitFor();
  await row(page, there).waitFor();
  return { here, there };
}

/** Puts the caret behind the first so many characters. @param {import('playwright-core').Locator} locator @param {number} at */
async function caretTo(locator, at) {
  await locator.focus();
  await locator.evaluate((element, place) => /** @type {HTMLTextAreaElement} */ (element).setSelectionRange(place, place), at);
}

/** Where the caret is. @param {import('playwright-core').Locator} locator */
const caretOf = (locator) => locator.evaluate((element) => /** @type {HTMLTextAreaElement} */ (element).selectionStart);

test('a row dragged into a message becomes a reference at the caret, and nothing is sent', async (world) => {
  const { page, a } = world;
  const { here, there } = await two(world, 'What I refer to');
  const writing = field(page, here);
  await writing.fill('As in, is it not?');
  await caretTo(writing, 'As in'.length);
  await row(page, there).dragTo(writing);
  await holds(writing, `As in session:${there} , is it not?`);
  assert.equal(await caretOf(writing), `As in session:${there} `.length, 'writing goes on behind it');
  assert.equal(await writing.evaluate((element) => element === document.activeElement), true);
  await counts(lines(page), 2);
  assert.equal((await a.show(here)).entries.length, 2, 'nothing was sent');
  assert.match(page.url(), new RegExp(here), 'and nothing else was opened');
});

test('a message dragged into a message becomes a reference to its line', async (world) => {
  const { page, a } = world;
  const { here } = await two(world, 'Another one');
  const writing = field(page, here);
  await line(page, 1).locator('header').dragTo(writing);
  await holds(writing, `session:${here}:L000001 `);
  await writing.pressSequentially('was my question.');
  await writing.press('Enter');
  const chip = line(page, 3).locator('[data-reference]');
  await chip.getByText(/L0*1$/).waitFor();
  const session = await a.shows(here, (one) => one.entries.length === 4);
  assert.deepEqual(session.entries[2].links.map((/** @type {any} */ link) => link.session_id), [here]);
});

test('a session is referred to with the keyboard alone', async (world) => {
  const { page } = world;
  const { here, there } = await two(world, 'Migratory birds of the coast');
  const writing = field(page, here);
  await writing.focus();
  await page.keyboard.type('Look at @migratory');
  const choices = page.getByRole('listbox', { name: 'Sessions to refer to' });
  await choices.getByRole('option').first().waitFor();
  await counts(choices.getByRole('option'), 1);
  await page.keyboard.press('Enter');
  await holds(writing, `Look at session:${there} `);
  await gone(choices);
  await counts(lines(page), 2);

  await page.keyboard.type('and @');
  await choices.getByRole('option', { selected: true }).waitFor();
  const first = await choices.getByRole('option', { selected: true }).textContent();
  await page.keyboard.press('ArrowDown');
  await choices.getByRole('option', { selected: true }).and(choices.getByRole('option').nth(1)).waitFor();
  assert.notEqual(await choices.getByRole('option', { selected: true }).textContent(), first);
  await page.keyboard.press('Escape');
  await gone(choices);
  await holds(writing, `Look at session:${there} and @`);
  assert.equal(await writing.evaluate((element) => element === document.activeElement), true, 'the field keeps the focus');
});

test('a session is referred to by button', async (world) => {
  const { page } = world;
  const { here, there } = await two(world, 'The button');
  await field(page, here).fill('Here: ');
  await page.locator(`[data-composer="${here}"]`).getByRole('button', { name: 'Insert a reference' }).click();
  const choices = page.getByRole('listbox', { name: 'Sessions to refer to' });
  await choices.getByRole('option', { name: 'The button' }).click();
  await holds(field(page, here), `Here: session:${there} `);
  await gone(choices);
});

test('a chip has the title, shows a card to the pointer and to the keyboard, and leads to the line', async (world) => {
  const { page, a } = world;
  const { here, there } = await two(world, 'The **second** law');
  const title = (await a.show(there)).meta.title;
  await a.send(here, `See session:${there}:L000002, and (session:${there}).`);
  const chip = line(page, 3).locator('[data-reference]').first();
  await chip.getByText(title).waitFor();
  await chip.getByText(/L0*2$/).waitFor();
  await chip.hover();
  const card = page.getByRole('tooltip');
  await card.getByText(title).first().waitFor();
  await card.getByText('@coder').waitFor();
  await card.getByText('You wrote').waitFor();
  await page.mouse.move(1, 1);
  await gone(card);
  await chip.focus();
  await card.waitFor();
  await page.keyboard.press('Escape');
  await gone(card);
  await chip.click();
  await line(page, 2).and(page.locator('.marked')).waitFor();
  assert.match(page.url(), new RegExp(`${there}/L000002$`));
  await gone(card);
});

test('a reference to a session that has not arrived says so, and gets its title when it does', async (world) => {
  const { page, a, b, guard } = world;
  const { here } = await two(world, 'One more');
  // The browser tells of each answer that is no success.
  guard.expect(/404 \(Not Found\)/);
  await b.post('/sync/pause');
  const there = await b.open('coder', 'Still on its way');
  await b.shows(there);
  await a.send(here, `Did you see session:${there}?`);
  const chip = line(page, 3).locator('[data-reference]');
  await chip.getByText('Not here yet').waitFor();
  await chip.hover();
  await page.getByRole('tooltip').getByText('not here yet').waitFor();
  await page.mouse.move(1, 1);
  await b.post('/sync/resume');
  await chip.getByText('Still on its way').waitFor();
});

test('the page of a session that has not arrived opens by itself when it does', async ({ page, b, guard }) => {
  guard.expect(/404 \(Not Found\)/);
  await b.post('/sync/pause');
  const there = await b.open('coder', 'Opened too early');
  await b.shows(there);
  await visit(page, `#/sessions/${there}`);
  await page.getByText('not on this device yet').waitFor();
  await b.post('/sync/resume');
  await line(page, 2).waitFor();
});

test('what only looks like a reference stays text', async (world) => {
  const { page, a } = world;
  const { here, there } = await two(world, 'No reference');
  await a.send(here, `xsession:${there} session:${there}-x session:${there}:L000001:L000002 session:qs-short`);
  await line(page, 3).waitFor();
  await counts(line(page, 3).locator('[data-reference]'), 0);
});

test('references are copied by button', async (world) => {
  const { page } = world;
  const { here } = await two(world, 'To copy');
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  await page.getByRole('button', { name: 'Copy reference' }).click();
  await page.getByRole('status').getByText('Reference copied').waitFor();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), `session:${here}`);
  await line(page, 2).hover();
  await line(page, 2).getByRole('button', { name: /Copy a reference/ }).click();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), `session:${here}:L000002`);
});
