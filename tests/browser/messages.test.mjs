// What stands in a message: markdown becomes elements, nothing becomes markup or code, and no message makes the page wait.

import assert from 'node:assert/strict';
import { counts, line, show } from './lib/hub.mjs';
import { story } from './lib/story.mjs';

const test = story('coder');

/** A session with this as its second message, open in the page; that line. @param {import('./lib/story.mjs').World} world @param {string} body */
async function written({ a, page }, body) {
  const id = await a.open('coder', 'Something to read');
  await a.shows(id);
  await a.send(id, body);
  await show(page, id);
  const prose = line(page, 3).locator('.prose');
  await prose.waitFor();
  return prose;
}

test('markdown is shown as what it means', async (world) => {
  const prose = await written(world, [
    '# Head', '', 'One *two* **three** `four` ~~five~~ and [six](https://example.org/six).', '',
    '1. first', '2. second', '   - inner', '', '> said', '', '```js', 'const a = "<b>";', '```', '', '| a | b |', '|---|---|', '| 1 | 2 |',
  ].join('\n'));
  await prose.getByRole('heading', { name: 'Head' }).waitFor();
  for (const [tag, text] of Object.entries({ em: 'two', strong: 'three', 'p code': 'four', del: 'five', a: 'six', blockquote: 'said', 'pre code': 'const a = "<b>";' })) {
    assert.equal((await prose.locator(tag).first().textContent())?.trim(), text, tag);
  }
  await counts(prose.locator('ol > li'), 2);
  await counts(prose.locator('ol ul > li'), 1);
  await counts(prose.locator('td'), 2);
  const link = prose.locator('a');
  assert.equal(await link.getAttribute('rel'), 'noopener noreferrer', 'the other site learns nothing');
});

test('markup and addresses that do something stay text', async (world) => {
  const evil = [
    '<script>document.title = "taken"</script>', '<img src=x onerror="document.title=\'taken\'">',
    '[click](javascript:document.title="taken")', '[click](data:text/html,x)', '![pixel](https://example.org/x.png)', '<https://example.org>', '&lt;b&gt;',
  ];
  const prose = await written(world, evil.join('\n\n'));
  const text = await prose.innerText();
  for (const each of ['<script>', '<img src=x', 'javascript:', 'data:text/html', '&lt;b&gt;']) assert.ok(text.includes(each), `${each} in ${text}`);
  await counts(prose.locator('script, img, iframe, object, embed, style, link, form, input'), 0);
  const hrefs = await prose.locator('a').evaluateAll((all) => all.map((one) => one.getAttribute('href') ?? ''));
  assert.deepEqual(hrefs.filter((href) => !/^(https?:|mailto:|#\/)/.test(href)), []);
  assert.doesNotMatch(await world.page.title(), /taken/);
});

test('what turns the direction of writing stays within its message and its title', async (world) => {
  const { a, page } = world;
  const id = await a.open('coder', 'Turned');
  await a.shows(id);
  await a.post(`/im/quick-sessions/${id}/title`, { title: 'abc \u202Etxet\u202C' }).catch(() => {});
  await show(page, id);
  await line(page, 2).waitFor();
  const edges = await page.evaluate(() => [...document.querySelectorAll('.thread h1, .row-title')].every((one) => ['isolate', 'plaintext', 'isolate-override'].includes(getComputedStyle(one).unicodeBidi) || one.querySelector('bdi') !== null));
  assert.equal(edges, true);
});

test('no message makes the page wait, however it is made', async ({ page }) => {
  const slow = await page.evaluate(async () => {
    // The page's own module, in the page.
    const path = '/web/core/markdown.js';
    const { markdown } = await import(path);
    const size = 65_000;
    const fill = (/** @type {string} */ part) => part.repeat(Math.ceil(size / part.length)).slice(0, size);
    const parts = ['*', '_', '**a', '*a ', '`', '``a', '[', '[a](', '[a](b', '~~', '~~a', '> ', '- ', '1. ', '# ', '|', '|a|\n|-|\n', '\\', 'https://', 'session:', '```\n', '  - a\n', '> - ', '<', '\n', ' ', '* * ', '__a__ ', 'a*b', '***', '> > > ', '-', '|-', '- - - a\n'];
    const late = [];
    for (const part of [...parts, ...parts.map((part) => `x${part}y\n`), ...parts.map((part) => `${part}\n\n`)]) {
      const from = performance.now();
      markdown(fill(part));
      const took = performance.now() - from;
      if (took > 1_000) late.push(`${JSON.stringify(part)}: ${Math.round(took)} ms`);
    }
    return late;
  });
  assert.deepEqual(slow, []);
}, { timeout: 90_000 });
