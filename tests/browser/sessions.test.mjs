// A person on one device and an agent on another: begin, read, write, name, close, and find it all as it was left.

import assert from 'node:assert/strict';
import { begin, counts, field, gone, holds, line, lines, reads, row, show, title, visit } from './lib/hub.mjs';
import { story } from './lib/story.mjs';

const test = story('coder', 'talker');

test('a session is begun with an agent and a message, and its answer comes from the other device', async ({ page, b }) => {
  const id = await begin(page, 'coder', 'How many **books** are there?');
  await line(page, 1).getByText('How many books are there?').waitFor();
  await line(page, 2).getByText('You wrote: How many').waitFor();
  assert.equal(await line(page, 1).locator('strong').textContent(), 'books', 'markdown');
  await counts(lines(page), 2);
  await row(page, id).getByText('You wrote').waitFor();
  const there = await b.shows(id);
  assert.equal(there.entries.length, 2, 'it is the same session there');
  await reads(title(page), there.meta.title);
  await holds(field(page, id), '');
});

test('what the agent does is seen while it does it, and folded above its answer', async ({ page }) => {
  await begin(page, 'talker', 'Count them, please.');
  const live = page.locator('[data-live]');
  await live.getByText('Let me look at the shelf.').waitFor();
  await live.getByText('count_books').waitFor();
  assert.equal(await lines(page).filter({ hasText: 'Four books.' }).count(), 0, 'there is no answer yet');
  await line(page, 2).getByText('Four books.').waitFor();
  await gone(live);
  const folded = line(page, 2).locator('details.turn');
  assert.equal(await folded.getAttribute('open'), null, 'it is folded');
  assert.equal(await folded.getByText('count_books').isVisible(), false);
  await folded.locator('summary').first().click();
  await folded.getByText('count_books').waitFor();
});

test('a message is sent by Enter, and Shift and Enter make a new line', async ({ page, a }) => {
  const id = await a.open('coder', 'first');
  await a.shows(id);
  await show(page, id);
  await field(page, id).press('Shift+Enter');
  await field(page, id).fill('one');
  await field(page, id).press('End');
  await field(page, id).press('Shift+Enter');
  await field(page, id).pressSequentially('two');
  await holds(field(page, id), 'one\ntwo');
  await field(page, id).press('Enter');
  await line(page, 3).getByText('one').waitFor();
  await holds(field(page, id), '');
  const session = await a.shows(id, (one) => one.entries.length === 4);
  assert.equal(session.entries[2].body, 'one\ntwo');
});

test('how far a message has come is told, and never more than is known', async ({ page, a, b }) => {
  const id = await a.open('coder', 'first');
  await a.shows(id);
  await show(page, id);
  await line(page, 1).locator('[data-delivery="answered"]').waitFor();
  await b.post('/sync/pause');
  await field(page, id).fill('Are you there?');
  await field(page, id).press('Enter');
  await line(page, 3).locator('[data-delivery="saved"]').waitFor();
  assert.match(await line(page, 3).getAttribute('class') ?? '', /provisional/);
  await b.post('/sync/resume');
  await line(page, 3).locator('[data-delivery="answered"]').waitFor();
});

test('a title is edited where it stands: Enter saves, Escape cancels, and markup is text', async ({ page, a, b }) => {
  const id = await a.open('coder', 'Name me');
  const before = (await a.shows(id)).meta.title;
  await show(page, id);
  await reads(title(page), before);

  await title(page).getByRole('button').click();
  await page.getByLabel('Title', { exact: true }).fill('Not this one');
  await page.getByLabel('Title', { exact: true }).press('Escape');
  await reads(title(page), before);
  assert.equal((await a.show(id)).meta.title, before);

  const name = '<b>bold</b> & <img src=x onerror=alert(1)>';
  await title(page).getByRole('button').click();
  await page.getByLabel('Title', { exact: true }).fill(name);
  await page.getByLabel('Title', { exact: true }).press('Enter');
  await reads(title(page), name);
  await reads(row(page, id).locator('.row-title'), name);
  assert.equal(await page.locator('.thread h1 b, .thread h1 img, .row-title b').count(), 0, 'no markup was made');
  await b.shows(id, (session) => session.meta.title === name);
  assert.equal(await page.title().then((text) => text.includes('<b>') || text.includes('Starling')), true);
});

test('a title has 80 characters, whatever they take in bytes, and is never cut', async ({ page, a }) => {
  const id = await a.open('coder', 'Name me');
  await a.shows(id);
  await show(page, id);
  const name = '会'.repeat(79) + '话';
  await title(page).getByRole('button').click();
  await page.getByLabel('Title', { exact: true }).fill(`${name}多`);
  await page.getByLabel('Title', { exact: true }).press('Enter');
  await page.getByRole('alert').getByText('80 characters').waitFor();
  await page.getByLabel('Title', { exact: true }).fill(name);
  await page.getByLabel('Title', { exact: true }).press('Enter');
  await reads(title(page), name);
  await a.shows(id, (session) => session.meta.title === name);
  const wide = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
  assert.equal(wide, false, 'the page does not scroll sideways');
});

test('a session is archived, found again, and opened again', async ({ page, a, b }) => {
  const id = await a.open('coder', 'Close me');
  await a.shows(id);
  await show(page, id);
  await page.getByRole('button', { name: 'Archive', exact: true }).click();
  await page.getByText('This session is archived').waitFor();
  await b.shows(id, (session) => session.archived);
  await gone(row(page, id));
  await page.getByRole('button', { name: 'Archived' }).click();
  await row(page, id).waitFor();
  await page.locator('.thread-foot').getByRole('button', { name: 'Unarchive' }).click();
  await field(page, id).waitFor();
  await b.shows(id, (session) => !session.archived);
  await page.getByRole('button', { name: 'Active' }).click();
  await row(page, id).waitFor();
});

test('each session keeps its own draft over a reload', async ({ page, a }) => {
  const [one, two] = [await a.open('coder', 'one'), await a.open('coder', 'two')];
  await show(page, one);
  await field(page, one).fill('half a thought');
  await show(page, two);
  await holds(field(page, two), '');
  await field(page, two).fill('another\nhalf');
  await visit(page, '#/new');
  await field(page, 'new').fill('a beginning');
  await page.reload();
  await holds(field(page, 'new'), 'a beginning');
  await show(page, one);
  await holds(field(page, one), 'half a thought');
  await show(page, two);
  await holds(field(page, two), 'another\nhalf');
  await field(page, two).press('Enter');
  await holds(field(page, two), '');
  await page.reload();
  await line(page, 1).waitFor();
  await holds(field(page, two), '');
});

test('search finds words of messages that no row shows', async ({ page, a }) => {
  const id = await a.open('coder', 'The heron stands in the reeds.');
  await a.shows(id);
  await a.send(id, 'And now to something else.');
  await a.shows(id, (session) => session.entries.length === 4);
  const other = await a.open('coder', 'Nothing of the kind');
  await row(page, other).waitFor();
  await page.getByLabel('Search titles and messages').fill('HERON stands');
  await row(page, id).getByText(/heron stands/i).waitFor();
  await gone(row(page, other));
  await page.getByLabel('Search titles and messages').fill('');
  await row(page, other).waitFor();
  assert.doesNotMatch(page.url(), /qs-/, 'nothing was opened by it');
});

test('a session from the other device shows up by itself and is unread until it is looked at', async ({ page, b, a }) => {
  await page.locator('.list-pane').waitFor();
  const id = await b.open('coder', 'From afar');
  await row(page, id).waitFor();
  await a.shows(id);
  await counts(row(page, id).getByLabel('Unread'), 1);
  await row(page, id).click();
  await line(page, 2).waitFor();
  await counts(row(page, id).getByLabel('Unread'), 0);
  await page.reload();
  await row(page, id).waitFor();
  await counts(row(page, id).getByLabel('Unread'), 0);
});
