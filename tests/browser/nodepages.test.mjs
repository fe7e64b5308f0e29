// The pages about the node: what they tell is so, and what is done there is done.

import assert from 'node:assert/strict';
import { counts, gone, line, openId, row, show, visit } from './lib/hub.mjs';
import { Node } from './lib/node.mjs';
import { connected } from './lib/pair.mjs';
import { story } from './lib/story.mjs';
import { until } from './lib/wait.mjs';

const test = story('coder', 'asker');

/** A part of a page, by its heading. @param {import('playwright-core').Page} page @param {string | RegExp} name */
const part = (page, name) => page.getByRole('region', { name });

test('the overview tells who and where this node is, and what it keeps', async ({ page, a }) => {
  const id = await a.open('coder', 'Counted');
  await a.shows(id);
  await visit(page, '#/overview');
  const status = await a.get('/status');
  await part(page, 'Identity').getByText('@alice').waitFor();
  await part(page, 'Identity').getByText(status.device.slice(0, 10)).waitFor();
  await part(page, 'Node').getByText(status.version).waitFor();
  await part(page, 'Node').getByText(a.web).waitFor();
  await part(page, 'Storage').getByText(a.home).waitFor();
  await part(page, 'Git export').getByRole('button', { name: 'Export now' }).click();
  await page.getByRole('status').getByText('The export shows everything').waitFor();
  const { commit } = (await a.get('/status')).export;
  await part(page, 'Git export').getByText(commit.slice(0, 12)).waitFor();
  const figures = page.getByRole('list', { name: 'Sessions by status' });
  await figures.getByRole('listitem').filter({ hasText: 'at rest' }).getByText(String(status.sessions.active)).waitFor();
});

test('an agent is added by hand, tried, changed and removed', async ({ page, a }) => {
  await visit(page, '#/agents');
  await page.locator('[data-agent="coder"]').waitFor();
  await page.getByRole('button', { name: 'Add by hand' }).click();
  const form = page.locator('[data-form="add other"]');
  await form.getByPlaceholder('helper').fill('helper');
  await form.getByLabel('Kind').selectOption('demo');
  await form.getByRole('button', { name: 'Add', exact: true }).click();
  const card = page.locator('[data-agent="helper"]');
  await card.getByText('built-in demo agent').waitFor();
  await card.getByRole('button', { name: 'Test' }).click();
  await openId(page);
  await line(page, 2).getByText('You wrote').waitFor();

  await visit(page, '#/agents');
  await card.getByRole('button', { name: 'Change' }).click();
  await card.getByLabel('Turns an hour').fill('7');
  await card.getByRole('button', { name: 'Save' }).click();
  await card.getByText('7 turns an hour').waitFor();
  const { agents } = await a.get('/im/agents');
  assert.equal(agents.find((/** @type {any} */ agent) => agent.handle === 'helper').profile.policy.turns_per_hour, 7);

  await card.getByRole('button', { name: 'Remove' }).click();
  const dialog = page.getByRole('dialog', { name: 'Remove @helper?' });
  await dialog.getByRole('button', { name: 'Cancel' }).click();
  await gone(dialog);
  await card.getByRole('button', { name: 'Remove' }).click();
  await dialog.getByRole('button', { name: 'Remove' }).click();
  await gone(card);
});

test('an agent that cannot be added says why, where it was written', async ({ page, guard }) => {
  guard.expect(/4\d\d \(/);
  await visit(page, '#/agents');
  await page.getByRole('button', { name: 'Add by hand' }).click();
  const form = page.locator('[data-form="add other"]');
  await form.getByPlaceholder('helper').fill('alice');
  await form.getByLabel('Kind').selectOption('demo');
  await form.getByRole('button', { name: 'Add', exact: true }).click();
  await form.getByRole('alert').getByText(/alice|handle|taken/i).waitFor();
});

test('peers are shown as a picture and as a table, and answer a ping', async ({ page, b }) => {
  await visit(page, '#/peers');
  const table = page.getByRole('table', { name: 'Peers' });
  await table.getByText('connected').waitFor();
  await table.getByText(b.greeting.device.slice(0, 10)).waitFor();
  assert.ok(await page.locator('svg[role="img"], .graph-card svg').first().isVisible());
  await table.getByRole('button', { name: /^Ping/ }).click();
  await page.getByRole('status').getByText('answered after').waitFor();
  await table.getByText('Last ping:').waitFor();
});

test('sync tells who is in step, and is paused and taken up again', async ({ page, a, b }) => {
  await visit(page, '#/sync');
  await page.getByText('All connected peers are in step.').waitFor();
  await page.getByRole('button', { name: 'Pause' }).click();
  await page.locator('[data-banner="paused"]').waitFor();
  await page.getByText('Sync is paused.').waitFor();
  assert.equal((await a.get('/sync')).paused, true);
  const id = await a.open('coder', 'While it is paused');
  await page.getByRole('button', { name: 'Resume' }).click();
  await gone(page.locator('[data-banner="paused"]'));
  await b.shows(id);
  await page.getByText('All connected peers are in step.').waitFor();
});

test('a ticket is made, lets a device in, and another one is withdrawn', async ({ page, a }) => {
  await visit(page, '#/invites');
  await page.getByRole('button', { name: 'Make a ticket' }).click();
  const ticket = await page.locator('[data-copy="ticket"] code').textContent();
  await page.getByRole('img', { name: 'QR code of the ticket' }).waitFor();
  assert.equal(await page.locator('[data-copy="command"] code').textContent(), `starling join ${ticket}`);
  const node = new Node();
  await node.cli('join', ticket ?? '');
  await node.up();
  await connected(node);
  await page.getByRole('button', { name: 'Done' }).click();
  await part(page, 'Tickets of this device').getByText('used', { exact: true }).first().waitFor();

  await page.getByRole('button', { name: 'Make a ticket' }).click();
  await page.getByRole('button', { name: 'Done' }).click();
  await page.getByRole('button', { name: /^Withdraw ticket/ }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Withdraw' }).click();
  await counts(page.getByRole('button', { name: /^Withdraw ticket/ }), 0);
  assert.equal((await a.get('/invites')).invites.filter((/** @type {any} */ one) => !one.used_by && Date.parse(one.expires_at) > Date.now()).length, 0);

  await visit(page, '#/members');
  const device = page.locator(`[data-device="${node.greeting.device}"]`);
  await device.getByRole('button', { name: /^Revoke/ }).click();
  const dialog = page.getByRole('dialog');
  assert.equal(await dialog.getByRole('button', { name: 'Revoke for good' }).isDisabled(), true, 'the name has to be typed');
  const name = /“(.+)”/.exec(await dialog.getByText(/^Type/).textContent() ?? '')?.[1] ?? '';
  await dialog.getByRole('textbox').fill(name);
  await dialog.getByRole('button', { name: 'Revoke for good' }).click();
  await gone(device);
  await until('it to know', async () => (await node.get('/status')).revoked);
  await node.close();
});

test('what an agent does is on the page of activity, and its question can be answered there', async ({ page, a, b, signedIn }) => {
  const there = await signedIn(b);
  await visit(there, '#/activity');
  const id = await a.open('asker', 'May I see it?');
  const card = there.getByRole('group', { name: '@asker asks for a permission' });
  await card.getByText('Delete the old logs').waitFor();
  await card.getByRole('button', { name: 'Allow once' }).click();
  await gone(card);
  await a.shows(id);
  await there.locator('.turn-card').first().getByText('set_title').waitFor();
  await show(page, id);
  await line(page, 2).waitFor();
  await row(page, id).getByText('Done as you said.').waitFor();
});

test('the doctor tells what is well, and shows the log', async ({ page, a }) => {
  await visit(page, '#/doctor');
  const { checks } = await a.get('/doctor');
  for (const check of checks) await page.locator(`[data-check="${check.id}"][data-state]`).waitFor();
  await part(page, 'Log').getByRole('button', { name: 'Show' }).click();
  await page.getByRole('region', { name: 'Log lines' }).locator('.log-line').first().waitFor();
});
