import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connectClient, send } from './client.ts';
import { RaftBatch, RaftClient, type RaftServer, RaftService } from './generated/gantry/v1/raft.ts';

let dir: string;
let server: Server;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'gantry-client-'));
});
afterEach(() => {
  server.forceShutdown();
  rmSync(dir, { recursive: true, force: true });
});

/** Takes the stream, and nothing of what is in it. */
async function serveDeaf(): Promise<string> {
  server = new Server();
  const deaf = { messages: () => undefined } as unknown as RaftServer;
  server.addService({ messages: RaftService.messages }, { messages: deaf.messages });
  const path = join(dir, 'socket');
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const done = (error: Error | null) => (error === null ? resolve() : reject(error));
  server.bindAsync(`unix:${path}`, ServerCredentials.createInsecure(), done);
  await promise;
  return path;
}

describe('a stream that only sends', () => {
  it('ends for who waits to send when the peer that takes nothing goes', async () => {
    const client = connectClient(RaftClient, { kind: 'unix', path: await serveDeaf() });
    const call = client.messages(() => undefined);
    call.on('error', () => undefined);
    const message = RaftBatch.fromPartial({ messages: [{ from: 'a'.repeat(1024 * 1024) }] });
    // Until one has to wait for long: what is between here and there takes some.
    let waiting: Promise<boolean> | undefined;
    while (waiting === undefined) {
      const sent = send(call, message);
      const late = new Promise<false>((resolve) => setTimeout(() => resolve(false), 200));
      if (!(await Promise.race([sent, late]))) waiting = sent;
    }
    const ended = once(call, 'status');
    server.forceShutdown();
    await ended;
    expect(await waiting).toBe(false);
    client.close();
  });
});
