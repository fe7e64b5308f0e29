// Without a pointer: everything is reached, it can be seen where one is, and Escape leads back.

import assert from 'node:assert/strict';
import { counts, field, gone, holds, line, openId, row, show, visit } from './lib/hub.mjs';
import { story } from './lib/story.mjs';
import { until } from './lib/wait.mjs';

const test = story('coder');

/** @typedef {import('playwright-core').Page} Page */

/** Sessions on A, the newest last, all answered and listed. @param {import('./lib/story.mjs').World} world @param {string[]} messages */
async function several({ a, page }, ...messages) {
  const ids = [];
  for (const message of messages) {
    const id = await a.open('coder', message);
    await a.shows(id);
    ids.push(id);
  }
  for (const id of ids) await row(page, id).waitFor();
  return ids;
}

/** What has the focus. @param {Page} page */
const focused = (page) => page.evaluate(() => {
  const { activeElement: element } = document;
  return element?.getAttribute('data-session') ?? element?.id ?? element?.tagName ?? '';
});

/** Waits until something has the focus. @param {Page} page @param {string} wanted */
const focusOn = (page, wanted) => until(`the focus on ${wanted}`, async () => (await focused(page)) === wanted, 5_000);

/** Whether one sees where the focus is. @param {Page} page */
const visibleFocus = (page) => page.evaluate(() => {
  const seen = (/** @type {Element | null} */ element) => {
    if (!element) return false;
    const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(element);
    return (outlineStyle !== 'none' && parseFloat(outlineWidth) > 0) || boxShadow !== 'none';
  };
  // Some fields are framed by what is around them.
  const { activeElement: element } = document;
  return seen(element) || seen(element?.closest('label, form, .composer') ?? null);
});

test('j and k go through the list, Enter opens, Escape leaves the field', async (world) => {
  const { page } = world;
  const [third, second, first] = await several(world, 'one', 'two', 'three');
  await page.locator('body').press('j');
  await focusOn(page, first);
  assert.equal(await visibleFocus(page), true);
  await page.keyboard.press('j');
  await focusOn(page, second);
  await page.keyboard.press('j');
  await focusOn(page, third);
  await page.keyboard.press('k');
  await focusOn(page, second);
  await page.keyboard.press('Enter');
  assert.equal(await openId(page), second);
  await focusOn(page, `text-${second}`);
  await page.keyboard.type('j k ? c /');
  await holds(field(page, second), 'j k ? c /');
  await page.keyboard.press('Escape');
  await until('the field to be left', async () => (await focused(page)) !== `text-${second}`);
  await holds(field(page, second), 'j k ? c /');
  await page.keyboard.press('j');
  await focusOn(page, third);
  await page.keyboard.press('r');
  await focusOn(page, `text-${second}`);
});

test('c begins a session, and everything in the form is done by keys', async (world) => {
  const { page } = world;
  await page.locator('body').press('c');
  await focusOn(page, 'text-new');
  await page.keyboard.type('By keys alone');
  await page.keyboard.press('Enter');
  const id = await openId(page);
  await line(page, 2).getByText('You wrote: By keys alone').waitFor();
  await focusOn(page, `text-${id}`);
});

test('the slash leads to the search', async (world) => {
  const { page } = world;
  const [here, other] = await several(world, 'A needle', 'Just hay');
  await show(page, here);
  await page.keyboard.press('Escape');
  await page.keyboard.press('/');
  await focusOn(page, 'search');
  await page.keyboard.type('needle');
  await gone(row(page, other));
  await row(page, here).waitFor();
});

test('Ctrl and K summon any session from any page, with a preview, and Escape gives the page back', async (world) => {
  const { page } = world;
  const [one, two] = await several(world, 'Apples', 'Pears');
  await visit(page, '#/overview');
  await page.getByRole('heading', { name: 'Overview' }).waitFor();
  await page.keyboard.press('Control+k');
  const panel = page.getByRole('dialog', { name: 'Go to a session' });
  await panel.waitFor();
  const input = panel.getByRole('combobox');
  assert.equal(await input.evaluate((element) => element === document.activeElement), true);
  assert.equal(await visibleFocus(page), true);
  await page.keyboard.type('apples');
  await panel.getByText('You wrote: Apples').waitFor();
  await page.keyboard.press('Escape');
  await gone(panel);
  assert.match(page.url(), /#\/overview$/);

  await page.keyboard.press('Control+k');
  await panel.getByText('You wrote: Pears').waitFor();
  await page.keyboard.press('ArrowDown');
  await panel.getByText('You wrote: Apples').waitFor();
  await page.keyboard.press('ArrowUp');
  await panel.getByText('You wrote: Pears').waitFor();
  await page.keyboard.press('Enter');
  await gone(panel);
  assert.equal(await openId(page), two);
  await page.keyboard.press('Control+k');
  await page.keyboard.type('apples');
  await panel.getByText('You wrote: Apples').waitFor();
  await page.keyboard.press('Enter');
  await until('the other one', () => page.url().includes(one));
});

test('a click in the panel pins the preview, which can be written into without leaving the page', async (world) => {
  const { page, a } = world;
  const [, pinned] = await several(world, 'Left', 'Right');
  await visit(page, '#/overview');
  await page.keyboard.press('Control+k');
  const panel = page.getByRole('dialog', { name: 'Go to a session' });
  await panel.getByRole('option', { name: 'Left' }).hover();
  await panel.getByText('You wrote: Left').waitFor();
  await panel.getByRole('option', { name: 'Right' }).click();
  await panel.getByRole('option', { name: 'Left' }).hover();
  await panel.getByText('You wrote: Right').waitFor();
  const writing = panel.locator(`[data-composer="${pinned}"] textarea`);
  await panel.getByRole('option', { name: 'Left' }).dragTo(writing);
  await until('the reference', async () => (await writing.inputValue()).startsWith('session:qs-'));
  await writing.press('End');
  await writing.pressSequentially('from the side');
  await writing.press('Enter');
  await a.shows(pinned, (session) => session.entries.length === 4);
  assert.match(page.url(), /#\/overview$/);
  await page.keyboard.press('Escape');
  await gone(panel);
});

test('a session that is open in the panel and below it has one draft, and references go where they are dropped', async (world) => {
  const { page } = world;
  const [here, other] = await several(world, 'Both', 'Elsewhere');
  await show(page, here);
  await field(page, here).fill('Begun here, ');
  await page.keyboard.press('Control+k');
  const panel = page.getByRole('dialog', { name: 'Go to a session' });
  await panel.getByRole('option', { name: 'Both' }).click();
  const above = panel.locator('textarea');
  await holds(above, 'Begun here, ');
  await above.press('End');
  await above.pressSequentially('gone on there.');
  await page.keyboard.press('Escape');
  await gone(panel);
  await holds(field(page, here), 'Begun here, gone on there.');
  await row(page, other).dragTo(field(page, here));
  await until('the reference', async () => (await field(page, here).inputValue()).includes(`session:${other}`));
  await focusOn(page, `text-${here}`);
});

test('Tab goes through the whole page, and one always sees where it is', async (world) => {
  const { page } = world;
  const [id] = await several(world, 'Tabbed');
  await show(page, id);
  await line(page, 2).waitFor();
  await page.evaluate(() => /** @type {HTMLElement} */ (document.activeElement)?.blur());
  const seen = new Set();
  const unseen = [];
  for (let at = 0; at < 80; at += 1) {
    await page.keyboard.press('Tab');
    const name = await page.evaluate(() => {
      const { activeElement: element } = document;
      if (!element || element === document.body) return '';
      return element.getAttribute('aria-label') || element.textContent?.trim().slice(0, 40) || element.id || element.outerHTML.slice(0, 60);
    });
    if (!name) continue;
    seen.add(name);
    if (!(await visibleFocus(page))) unseen.push(name);
  }
  assert.deepEqual(unseen, []);
  for (const wanted of ['Skip to the content', 'Copy reference', 'Archive', `text-${id}`]) {
    assert.ok([...seen].some((name) => name.includes(wanted)), `${wanted} is reached: ${[...seen].join(' | ')}`);
  }
  await counts(page.locator('[tabindex]:not([tabindex="0"]):not([tabindex="-1"])'), 0);
});

test('the question mark shows all keys, and keeps the focus inside', async ({ page }) => {
  await page.locator('body').press('?');
  const dialog = page.getByRole('dialog', { name: 'Keys' });
  await dialog.getByText('New session').waitFor();
  for (let at = 0; at < 4; at += 1) {
    await page.keyboard.press('Tab');
    assert.equal(await dialog.evaluate((element) => element.contains(document.activeElement)), true);
  }
  await page.keyboard.press('Escape');
  await gone(dialog);
});
