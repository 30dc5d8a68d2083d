/**
 * Asks a URL at a rate, on connections that it keeps and on new ones in turn, and always has one slow request under way. Prints
 * one line of JSON about all of it when its input ends. Arguments: URL, requests per second, milliseconds of the slow ones (0:
 * there are none).
 */
import { Agent, get } from 'node:http';
import type { LoadReport } from './web-load.ts';

interface Answer {
  readonly client: string;
  readonly ms: number;
}

const [url = '', rate = '300', slow = '20000'] = process.argv.slice(2);
const [perSecond, slowMs] = [Number(rate), Number(slow)];
const TIMEOUT_MS = 10_000;
const TICK_MS = 5;

const failures: string[] = [];
const clients = new Map<string, number>();
const counts = { requests: 0, slow: 0, retried: 0, slowest: 0 };
const kept = new Agent({ keepAlive: true, maxSockets: 16 });
const fresh = new Agent({ keepAlive: false });
const pending = new Set<Promise<void>>();
let isOver = false;

function ask(agent: Agent, path: string, timeoutMs: number): Promise<Answer> {
  const begun = Date.now();
  return new Promise((resolve, reject) => {
    const fail = (error: Error & { code?: string }) =>
      reject(new Error(`${path} after ${Date.now() - begun} ms: ${error.code ?? error.message}`));
    const request = get(`${url}${path}`, { agent, timeout: timeoutMs }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
      response.on('error', fail);
      response.on('end', () => {
        if (response.statusCode !== 200) fail(new Error(`status ${response.statusCode}`));
        else resolve({ client: text.trim().split(' ').at(-1) ?? '', ms: Date.now() - begun });
      });
    });
    request.on('timeout', () => request.destroy(new Error('no answer')));
    request.on('error', (error: Error & { code?: string }) => {
      if (!request.reusedSocket || error.code !== 'ECONNRESET') return fail(error);
      // A server may end a kept connection at any time; who was about to use it asks again (RFC 9112, 9.3.1).
      counts.retried += 1;
      return resolve(ask(agent, path, timeoutMs));
    });
  });
}

async function follow(kind: 'requests' | 'slow', answer: Promise<Answer>): Promise<void> {
  try {
    const { client, ms } = await answer;
    clients.set(client, (clients.get(client) ?? 0) + 1);
    if (kind === 'requests') counts.slowest = Math.max(counts.slowest, ms);
  } catch (error) {
    failures.push(`${new Date().toISOString()} ${error instanceof Error ? error.message : String(error)}`);
  }
  counts[kind] += 1;
}

function track(work: Promise<void>): void {
  const tracked = work.finally(() => pending.delete(tracked));
  pending.add(tracked);
}

async function keepOneSlowRequest(): Promise<void> {
  while (!isOver) await follow('slow', ask(fresh, `/${slowMs}`, slowMs + TIMEOUT_MS));
}

let owed = 0;
let turn = 0;
let last = performance.now();
const ticking = setInterval(() => {
  const now = performance.now();
  owed += ((now - last) / 1000) * perSecond;
  last = now;
  for (; owed >= 1; owed -= 1) {
    turn += 1;
    track(follow('requests', ask(turn % 2 === 0 ? kept : fresh, '/', TIMEOUT_MS)));
  }
}, TICK_MS);
if (slowMs > 0) track(keepOneSlowRequest());
console.log('asking');

process.stdin.resume().on('end', async () => {
  isOver = true;
  clearInterval(ticking);
  while (pending.size > 0) await Promise.all(pending);
  const report: LoadReport = { ...counts, failures, clients: Object.fromEntries(clients) };
  console.log(JSON.stringify(report));
  process.exit(0);
});
