/**
 * Committed writes per second and their latency, beside etcd on the same machine in the same run: three members each,
 * the same fsync, values of 256 bytes, clients in one process, each with one write on its way. etcd's clients use its
 * Put call, the only one it has; ours a stream each, as agents report to a manager. And how long a cluster is without a
 * leader: after kill -9, and when leadership is handed over.
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Client } from '@grpc/grpc-js';
import { median } from '../statistics.ts';
import { EtcdMembers } from './etcd-members.ts';
import { GantryMembers } from './gantry-members.ts';
import { putStream } from './put-service.ts';

const VALUE = randomBytes(256);
const CLIENTS = [1, 16, 128, 512];
const WARM_UP_MS = 1000;
const MEASURED_MS = Number(process.env.GANTRY_BENCH_MS ?? 5000);
const ROUNDS = 20;
const print = (line: string) => process.stdout.write(`${line}\n`);

/** One write; resolves when it is committed. */
type Put = () => Promise<void>;

interface Rate {
  readonly perSecond: number;
  readonly p99Ms: number;
}

async function measure(puts: readonly Put[]): Promise<Rate> {
  const times: number[] = [];
  const from = performance.now() + WARM_UP_MS;
  const to = from + MEASURED_MS;
  await Promise.all(
    puts.map(async (put) => {
      for (let begin = performance.now(); begin < to; begin = performance.now()) {
        await put();
        if (begin >= from) times.push(performance.now() - begin);
      }
    }),
  );
  times.sort((one, other) => one - other);
  return {
    perSecond: times.length / (MEASURED_MS / 1000),
    p99Ms: times[Math.floor(times.length * 0.99)] ?? Number.NaN,
  };
}

/** Each client has a stream of its own. */
function gantryPuts(client: Client, count: number): { puts: Put[]; close: () => void } {
  const streams = Array.from({ length: count }, () => putStream(client));
  const puts = streams.map((stream): Put => {
    let answered: () => void = () => undefined;
    stream.on('data', () => answered());
    stream.on('error', () => undefined);
    return () =>
      new Promise((resolve) => {
        answered = resolve;
        stream.write(VALUE);
      });
  });
  const close = () => {
    for (const stream of streams) stream.cancel();
  };
  return { puts, close };
}

async function benchWrites(gantry: GantryMembers, etcd: EtcdMembers | undefined): Promise<void> {
  for (const count of CLIENTS) {
    const { puts, close } = gantryPuts((await gantry.leader()).client, count);
    const ours = await measure(puts);
    close();
    const line = `${count} clients: gantry ${ours.perSecond.toFixed(0)}/s, p99 ${ours.p99Ms.toFixed(1)} ms`;
    if (etcd === undefined) print(`${line}; etcd: not measured, install etcd-server`);
    else {
      const leader = await etcd.leader();
      const theirs = await measure(
        Array.from({ length: count }, (_, number) => () => etcd.put(leader, Buffer.from(`key${number}`), VALUE)),
      );
      const ratio = ours.perSecond / theirs.perSecond;
      print(
        `${line}; etcd ${theirs.perSecond.toFixed(0)}/s, p99 ${theirs.p99Ms.toFixed(1)} ms; ratio ${ratio.toFixed(2)}`,
      );
    }
  }
}

/** Until one of the members has taken a write. */
async function firstWrite(clients: readonly Client[]): Promise<void> {
  for (;;) {
    for (const client of clients) {
      if (await tryWrite(client)) return;
    }
  }
}

function tryWrite(client: Client): Promise<boolean> {
  return new Promise((resolve) => {
    const stream = putStream(client);
    const settle = (written: boolean) => {
      resolve(written);
      stream.cancel();
    };
    stream.once('data', () => settle(true));
    stream.on('error', () => settle(false));
    stream.write(VALUE);
  });
}

async function benchFailover(gantry: GantryMembers): Promise<void> {
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const { id, client } = await gantry.leader();
    const others = gantry.clients.filter((other) => other !== client);
    const begin = performance.now();
    await gantry.kill(id);
    await firstWrite(others);
    times.push(performance.now() - begin);
    await gantry.restart(id);
  }
  print(`leader killed → first write taken: ${summary(times)}`);
}

async function benchTransfer(gantry: GantryMembers): Promise<void> {
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const [target = ''] = gantry.others((await gantry.leader()).id);
    const begin = performance.now();
    await gantry.transfer(target);
    times.push(performance.now() - begin);
    await gantry.leader();
  }
  print(`leadership handed over: ${summary(times)}`);
}

function summary(times: readonly number[]): string {
  return `${median(times).toFixed(0)} ms, at most ${Math.max(...times).toFixed(0)} ms (${times.length} times)`;
}

const dir = mkdtempSync(join(tmpdir(), 'gantry-raft-bench-'));
let gantry: GantryMembers | undefined;
let etcd: EtcdMembers | undefined;
try {
  gantry = await GantryMembers.start(dir, 3);
  etcd = await EtcdMembers.start(dir, 3);
  await benchWrites(gantry, etcd);
  await etcd?.stop();
  await benchTransfer(gantry);
  await benchFailover(gantry);
} finally {
  await gantry?.stop();
  await etcd?.stop();
  rmSync(dir, { recursive: true, force: true });
}
