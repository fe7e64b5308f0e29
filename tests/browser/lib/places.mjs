// Every page of the hub and of the node, and what lies above a page: how to get there, and how to leave it again.

import { line, visit } from './hub.mjs';

/** @typedef {import('playwright-core').Page} Page */
/** @typedef {{ name: string, go: (page: Page) => Promise<void>, leave?: (page: Page) => Promise<void> }} Place */

/** Pages of the node, by their names in the address. */
export const PAGES = ['overview', 'activity', 'agents', 'peers', 'sync', 'members', 'invites', 'doctor'];

/** @param {import('./workspace.mjs').Workspace} world @returns {Place[]} */
export function places({ ids }) {
  /** @param {string} name @param {string} hash @param {string} [wanted] @returns {Place} */
  const at = (name, hash, wanted = 'main') => ({
    name,
    go: async (page) => {
      await visit(page, hash);
      await page.locator(wanted).first().waitFor();
    },
  });
  /** @param {string} name @returns {Place} */
  const session = (name) => ({
    name: `session-${name}`,
    go: async (page) => {
      await visit(page, `#/sessions/${ids[name]}`);
      await line(page, 1).waitFor();
    },
  });
  return [
    at('sessions', '#/sessions', '.session-row'),
    at('new', '#/new', '[data-composer="new"]'),
    ...['claude', 'asking', 'running', 'failed', 'waiting', 'chinese', 'closed'].map(session),
    {
      name: 'picker',
      go: async (page) => {
        await visit(page, `#/sessions/${ids.first}`);
        await page.locator(`[data-composer="${ids.first}"] textarea`).fill('Compare @');
        await page.getByRole('listbox', { name: 'Sessions to refer to' }).waitFor();
      },
      leave: async (page) => page.locator(`[data-composer="${ids.first}"] textarea`).fill(''),
    },
    {
      name: 'card',
      go: async (page) => {
        await visit(page, `#/sessions/${ids.claude}`);
        await page.locator('[data-reference]').first().focus();
        await page.getByRole('tooltip').waitFor();
      },
      leave: async (page) => page.locator('[data-reference]').first().blur(),
    },
    {
      name: 'quick-open',
      go: async (page) => {
        await page.keyboard.press('Control+k');
        await page.getByRole('combobox', { name: /session, agent or page/i }).fill('crawler');
        await page.locator('.quick-preview [data-line="1"]').waitFor();
      },
      leave: async (page) => page.keyboard.press('Escape'),
    },
    {
      name: 'keys',
      go: async (page) => {
        await visit(page, '#/sessions');
        await page.locator('main').focus();
        await page.keyboard.press('?');
        await page.getByRole('dialog', { name: 'Keys' }).waitFor();
      },
      leave: async (page) => page.keyboard.press('Escape'),
    },
    {
      name: 'title',
      go: async (page) => {
        await visit(page, `#/sessions/${ids.first}`);
        await page.locator('.thread h1 button').click();
        await page.getByLabel('Title', { exact: true }).waitFor();
      },
      leave: async (page) => page.keyboard.press('Escape'),
    },
    ...PAGES.map((page) => at(page, `#/${page}`, '.page h1')),
    {
      name: 'ticket',
      go: async (page) => {
        await visit(page, '#/invites');
        await page.getByRole('button', { name: 'Make a ticket' }).click();
        await page.getByRole('img', { name: 'QR code of the ticket' }).waitFor();
      },
      leave: async (page) => page.getByRole('button', { name: 'Done' }).click(),
    },
    {
      name: 'revoke',
      go: async (page) => {
        await visit(page, '#/members');
        await page.getByRole('button', { name: /^Revoke/ }).click();
        await page.getByRole('dialog').waitFor();
      },
      leave: async (page) => page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click(),
    },
    {
      name: 'agent-form',
      go: async (page) => {
        await visit(page, '#/agents');
        await page.locator('[data-agent="scribe"]').getByRole('button', { name: 'Change' }).click();
        await page.locator('[data-form="edit scribe"]').waitFor();
      },
      leave: async (page) => page.locator('[data-form="edit scribe"]').getByRole('button', { name: 'Cancel' }).click(),
    },
    {
      name: 'log',
      go: async (page) => {
        await visit(page, '#/doctor');
        await page.getByRole('button', { name: 'Show', exact: true }).click();
        await page.getByRole('region', { name: 'Log lines' }).waitFor();
      },
      leave: async (page) => page.getByRole('button', { name: 'Hide', exact: true }).click(),
    },
    {
      name: 'menu',
      go: async (page) => {
        await visit(page, '#/sessions');
        const button = page.getByRole('button', { name: 'Pages' });
        if (await button.isVisible()) await button.click();
        await page.getByRole('link', { name: 'Doctor' }).waitFor();
      },
      leave: async (page) => page.keyboard.press('Escape'),
    },
  ];
}
