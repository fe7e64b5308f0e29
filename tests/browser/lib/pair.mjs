// Two devices of @alice that are up and connected: `a`, where people look at the page, and `b`, which hosts the agents.

import { Node } from './node.mjs';
import { until } from './wait.mjs';

/** What the agents of `b` do at each turn; without steps, an agent answers at once. @type {Record<string, string[]>} */
const AGENTS = {
  coder: [],
  talker: ['say Let me look at the shelf.', 'set_title A slow answer', 'tool count_books', 'sleep 1500', 'say There are four.', 'sleep 700', 'reply **Four** books.'],
  asker: ['set_title May I', 'ask_permission Delete the old logs', 'reply Done as you said.'],
  breaker: ['set_title What breaks', 'say I am about to fall', 'crash'],
  sleeper: ['set_title A long sleep', 'say Zzz', 'sleep 600000', 'reply Good morning.'],
};

/** @typedef {{ a: Node, b: Node }} Pair */

/** @param {string[]} agents of the table above @returns {Promise<Pair>} */
export async function pair(...agents) {
  const a = await Node.founded('alice');
  const b = await Node.joined(a, 'alice');
  await connected(a);
  for (const agent of agents) await b.host(agent, ...(AGENTS[agent] ?? []));
  for (const agent of agents) await a.knows(agent);
  return { a, b };
}

/** Waits until a node has a peer, or has none. @param {Node} node */
export async function connected(node, wanted = true) {
  await until(`a peer to be ${wanted ? 'there' : 'away'}`, async () => {
    const { peers } = await node.get('/peers');
    return peers.some((/** @type {any} */ peer) => peer.connected) === wanted;
  });
}
