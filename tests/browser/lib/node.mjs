// One node: a home in a temporary folder and, while it is up, the process that runs it. Tests do through its HTTP interface
// and its command line what they do not do through the page. Whatever this process started ends with it.

import { execFile, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { until } from './wait.mjs';

/** The `starling` that is tested. */
const BINARY = process.env.STARLING_BIN ?? fileURLToPath(new URL('../../../target/debug/starling', import.meta.url));

/** Ports of its own on loopback, picked at the first start. */
const PLACES = ['--listen', '/ip4/127.0.0.1/udp/0/quic-v1', '--listen', '/ip4/127.0.0.1/tcp/0', '--http', '127.0.0.1:0'];

/** Settings of Starling in our own environment are not for the nodes. */
const ENVIRONMENT = {
  ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('STARLING_'))),
  NO_COLOR: '1',
};

/** @typedef {{ status: number, body: any }} Answer */

/** @type {Set<Node>} */
const all = new Set();
process.on('exit', () => all.forEach((node) => node.abandon()));

/** A home, and its node while it is up. */
export class Node {
  constructor() {
    this.dir = mkdtempSync(join(tmpdir(), 'starling-'));
    this.home = join(this.dir, 'home');
    /** What the node said of itself when it came up. @type {any} */
    this.greeting = {};
    /** @type {import('node:child_process').ChildProcess | undefined} */
    this.child = undefined;
    all.add(this);
  }

  /** A new workspace, founded by `handle`, without agents; its node is up. @param {string} handle @param {string} [label] */
  static async founded(handle, label) {
    const node = new Node();
    if (label) await node.cli('config', 'set', 'label', label);
    await node.up('--handle', handle, '--no-demo-agent');
    return node;
  }

  /** A new node as a newcomer has it, with the built-in agent. @param {string} handle */
  static async fresh(handle) {
    const node = new Node();
    await node.up('--handle', handle);
    return node;
  }

  /** A further device of `inviter`'s member, or the first of another one, that is up. @param {Node} inviter @param {string} handle @param {string[]} options */
  static async joined(inviter, handle, ...options) {
    const node = new Node();
    const invite = JSON.parse(await inviter.cli('invite', 'create', '--as', handle));
    await node.cli('join', invite.ticket, ...options);
    await node.up();
    return node;
  }

  /** Stops all that were made here and removes their homes: for the end of a file's tests, however they went. */
  static async closeAll() {
    await Promise.all([...all].map((node) => node.close()));
  }

  /** Starts it, on the ports of before, and waits until it says where it is. @param {string[]} options */
  async up(...options) {
    const places = existsSync(join(this.home, 'run')) && this.greeting.http ? [] : PLACES;
    const log = openSync(join(this.dir, 'log'), 'a');
    const args = ['--home', this.home, 'up', '--json', '--no-mdns', ...places, ...options];
    const child = spawn(BINARY, args, { env: ENVIRONMENT, stdio: ['ignore', 'pipe', log] });
    this.child = child;
    child.once('error', (error) => console.error(`${BINARY}: ${error.message}`));
    const lines = createInterface({ input: /** @type {import('node:stream').Readable} */ (child.stdout) });
    const line = await new Promise((resolve, reject) => {
      lines.once('line', resolve);
      child.once('exit', (code) => reject(new Error(`the node ended with ${code}:\n${this.log()}`)));
    });
    this.greeting = JSON.parse(line);
  }

  /** Stops it cleanly. */
  async stop() {
    await this.end('SIGTERM');
  }

  /** `kill -9`. */
  async kill() {
    await this.end('SIGKILL');
  }

  /** @param {NodeJS.Signals} signal */
  async end(signal) {
    const child = this.child;
    if (!child) return;
    this.child = undefined;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    const late = setTimeout(() => child.kill('SIGKILL'), 10_000);
    await ended;
    clearTimeout(late);
  }

  /** Stops it and removes its home. */
  async close() {
    await this.stop();
    this.abandon();
    all.delete(this);
  }

  /** The same at once, for the end of this process. */
  abandon() {
    this.child?.kill('SIGKILL');
    rmSync(this.dir, { recursive: true, force: true });
  }

  /** The program that it runs. */
  get binary() {
    return BINARY;
  }

  /** Where its page is, without a final slash. @returns {string} */
  get web() {
    return this.greeting.http;
  }

  /** Runs `starling --home HOME --json ARGS`; its standard output. @param {string[]} args @returns {Promise<string>} */
  cli(...args) {
    return new Promise((resolve, reject) => {
      const options = { env: ENVIRONMENT, timeout: 60_000 };
      execFile(BINARY, ['--home', this.home, '--json', ...args], options, (error, stdout, stderr) =>
        error ? reject(new Error(`starling ${args.join(' ')}: ${error.message}\n${stderr}`)) : resolve(stdout),
      ).stdin?.end();
    });
  }

  /** A link that signs a browser in, once. @returns {Promise<string>} */
  async loginLink() {
    return (await this.post('/login-link')).url;
  }

  /** @param {string} method @param {string} path @param {unknown} [body] @returns {Promise<Answer>} */
  async call(method, path, body) {
    const token = readFileSync(join(this.home, 'run/token'), 'utf8').trim();
    const answer = await fetch(`${this.web}${path}`, {
      method,
      headers: { Authorization: `Bearer ${token}`, ...(body === undefined ? {} : { 'Content-Type': 'application/json' }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(30_000),
    });
    const text = await answer.text();
    return { status: answer.status, body: text.startsWith('{') ? JSON.parse(text) : text };
  }

  /** @param {string} path @returns {Promise<any>} */
  async get(path) {
    return this.good('GET', path);
  }

  /** @param {string} path @param {unknown} [body] @returns {Promise<any>} */
  async post(path, body) {
    return this.good('POST', path, body);
  }

  /** @param {string} method @param {string} path @param {unknown} [body] */
  async good(method, path, body) {
    const answer = await this.call(method, path, body);
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body;
  }

  /** A file beside the home with this content; its path. @param {string} name @param {string} content */
  file(name, content) {
    const path = join(this.dir, name);
    writeFileSync(path, content);
    return path;
  }

  /** Hosts a demo agent here, with the steps of its script if there are any. @param {string} handle @param {string[]} steps */
  async host(handle, ...steps) {
    const script = steps.length ? ['--script', this.file(`${handle}.script`, `${steps.join('\n')}\n`)] : [];
    await this.cli('agent', 'add', handle, '--demo', ...script);
  }

  /** Waits until an agent is known here and its host can be reached. @param {string} handle */
  async knows(handle) {
    await until(`@${handle} to be online`, async () => {
      const { agents } = await this.get('/im/agents');
      return agents.some((/** @type {any} */ agent) => agent.handle === handle && agent.online);
    });
  }

  /** Opens a session; its id. @param {string} agent @param {string} message @returns {Promise<string>} */
  async open(agent, message) {
    const made = await this.post('/im/quick-sessions', { agent_id: agent, first_message: message });
    return made.session.meta.id;
  }

  /** @param {string} id @param {string} body */
  async send(id, body) {
    const request_id = `test-${Math.random().toString(36).slice(2)}`;
    return this.post(`/im/quick-sessions/${id}/messages`, { body, request_id });
  }

  /** A session as it is here; undefined when it is not. @param {string} id @returns {Promise<any>} */
  async show(id) {
    return (await this.call('GET', `/im/quick-sessions/${id}`)).body.session;
  }

  /** Waits until a session is here and is so. @param {string} id @param {(session: any) => boolean} wanted @returns {Promise<any>} */
  async shows(id, wanted = (session) => session.meta.status === 'active') {
    return until(`${id} to be so on ${this.home}: ${wanted}`, async () => {
      const session = await this.show(id);
      return session && wanted(session) && session;
    });
  }

  /** What it has logged, over all its starts. */
  log() {
    return readFileSync(join(this.dir, 'log'), 'utf8');
  }
}
