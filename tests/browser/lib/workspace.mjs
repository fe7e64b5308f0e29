// A workspace as people have one: two devices, a few agents, and sessions in every state that there is. For pictures, and
// for what has to hold on every page.

import { chmodSync } from 'node:fs';
import { connected } from './pair.mjs';
import { Node } from './node.mjs';

/** The agents of the laptop: what they say at each turn. @type {Record<string, string[]>} */
const AGENTS = {
  reviewer: ['set_title Release checklist', 'say Reading the changelog and the open branches.', 'tool read_file', 'tool run_tests', 'ask_permission Push tag v1.4.0 to origin', 'reply Tagged.'],
  builder: ['set_title Nightly build on arm64', 'say Building for aarch64-unknown-linux-gnu.', 'tool cargo_build', 'crash'],
  watcher: ['set_title Watching the import', 'say Batch 7 of 12 is through. **No errors** so far; the slowest took 4.2 s.', 'tool query_database', 'say Waiting for the next one.', 'sleep 600000', 'reply Done.'],
};

/** What the agent that can write markdown answers. */
const REVIEW = `The retry loop in \`fetch_page\` **never gives up**: the attempt counter is reset at each redirect.

1. A redirect counts as progress, so a loop of two pages runs for ever.
2. The delay grows to 30 s, which hides it in the tests.

\`\`\`rust
for attempt in 1..=ATTEMPTS_MAX {
    match client.get(&url).send().await {
        Ok(page) if page.status().is_redirection() => url = next(&page)?,
        Ok(page) => return Ok(page),
        Err(error) if attempt == ATTEMPTS_MAX => return Err(error.into()),
        Err(_) => sleep(backoff(attempt)).await,
    }
}
\`\`\`

| case | before | after |
|---|---|---|
| one redirect | 2 requests | 2 requests |
| loop | for ever | 5 requests, then an error |

> Shall I open a pull request with a test for the loop?`;

/** A stand-in for a command line agent: sets a title once, and answers in markdown. @param {string} starling @param {string} title @param {string} answer */
const program = (starling, title, answer) => `#!/bin/sh
cat > /dev/null
'${starling}' session title qs-01JZZZZZZZZZZZZZZZZZZZZZZZ '${title}' > /dev/null 2>&1
'${starling}' session reply qs-01JZZZZZZZZZZZZZZZZZZZZZZZ - > /dev/null <<'ANSWER'
${answer}
ANSWER
echo '{"type":"result","subtype":"success","is_error":false,"session_id":"s-1"}'
`;

/** Another title of the same session. @param {Node} node @param {string} id @param {string} title */
const name = (node, id, title) => node.post(`/im/quick-sessions/${id}/title`, { title });

/** @typedef {{ a: Node, b: Node, ids: Record<string, string> }} Workspace */

/** Makes it. @returns {Promise<Workspace>} */
export async function workspace() {
  const a = await Node.founded('alice', 'desk');
  const b = await Node.joined(a, 'alice', '--label', 'laptop');
  await connected(a);
  await a.host('scribe');
  for (const [agent, steps] of Object.entries(AGENTS)) await b.host(agent, ...steps);
  const file = b.file('claude', program(b.binary, 'Why the crawler never stops', REVIEW));
  chmodSync(file, 0o755);
  await b.cli('agent', 'add', 'claude', '--exec', 'claude', file);
  await b.host('nightly', 'set_title Backup of Thursday', 'reply 412 GB in 38 minutes.');
  for (const agent of ['scribe', 'claude', 'nightly', ...Object.keys(AGENTS)]) await a.knows(agent);
  const ids = await sessions(a);
  await waiting(a, b, ids);
  return { a, b, ids };
}

/** Sessions in all states but waiting. @param {Node} a */
async function sessions(a) {
  const first = await a.open('scribe', 'What should a page for newcomers say first?');
  await a.shows(first);
  await name(a, first, 'First words of the welcome page');
  const closed = await a.open('scribe', 'Collect the open questions of Monday.');
  await a.shows(closed);
  await name(a, closed, 'Questions of Monday');
  await a.post(`/im/quick-sessions/${closed}/archive`);
  const chinese = await a.open('scribe', '请把这份会议纪要整理成要点，并标出需要跟进的事项。');
  await a.shows(chinese);
  await name(a, chinese, '会议纪要整理：发布计划、测试覆盖率、离线同步的边界情况以及下周需要跟进的事项');
  const failed = await a.open('builder', 'Build the release for arm64, please.');
  await a.shows(failed, (session) => session.meta.status === 'error');
  const claude = await a.open('claude', `The crawler hangs on some sites. Can you look at \`fetch_page\`?\n\nIt may have to do with session:${first}.`);
  await a.shows(claude);
  const running = await a.open('watcher', 'Tell me when the import is through.');
  const asking = await a.open('reviewer', 'Prepare release 1.4.0: changelog, tests, tag.');
  await a.shows(running, (session) => session.meta.status === 'running' && session.meta.title);
  await a.shows(asking, (session) => session.meta.title);
  return { first, closed, chinese, failed, claude, running, asking };
}

/** One that waits for an agent whose policy leaves us out. @param {Node} a @param {Node} b @param {Record<string, string>} ids */
async function waiting(a, b, ids) {
  await b.cli('agent', 'add', 'nightly', '--demo', '--allow', 'bob');
  ids.waiting = await a.open('nightly', 'How large was the backup of Thursday?');
  await b.shows(ids.waiting, (session) => session.meta.status === 'needs_title');
}
