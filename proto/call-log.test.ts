import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Metadata, Server, ServerCredentials } from '@grpc/grpc-js';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { callLog, passRequestId } from './call-log.ts';
import { connectClient } from './client.ts';
import { GantryError } from './errors.ts';
import { type HealthResponse, LocalManagerClient, LocalManagerService } from './generated/gantry/v1/manager.ts';
import { unaryMethod } from './server.ts';

let dir: string;
let server: Server;
let client: LocalManagerClient;
let lines: { readonly level: number; readonly requestId: string; readonly method: string; readonly code: string }[];
/** Of the call as its handler sees it. */
let seen: Metadata;
let answer: () => Promise<HealthResponse>;

const HEALTH: HealthResponse = { locked: false, leaderNodeId: '', problem: '', autolock: false };

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'gantry-call-log-'));
  lines = [];
  answer = async () => HEALTH;
  const logger = pino({ level: 'debug' }, { write: (line: string) => void lines.push(JSON.parse(line)) });
  server = new Server({
    interceptors: [callLog({ logger, random: (size) => Buffer.alloc(size, 7), now: () => 1000 })],
  });
  const health = unaryMethod(() => answer());
  server.addService(LocalManagerService, {
    health: (call: Parameters<typeof health>[0], callback: Parameters<typeof health>[1]) => {
      seen = call.metadata;
      health(call, callback);
    },
    unlock: unaryMethod(async () => ({})),
  });
  const path = join(dir, 'socket');
  await new Promise<void>((resolve) => {
    server.bindAsync(`unix:${path}`, ServerCredentials.createInsecure(), () => resolve());
  });
  client = connectClient(LocalManagerClient, { kind: 'unix', path });
});
afterEach(() => {
  client.close();
  server.forceShutdown();
  rmSync(dir, { recursive: true, force: true });
});

function call(metadata = new Metadata()): Promise<HealthResponse> {
  return new Promise((resolve, reject) => {
    client.health({}, metadata, (error, response) => {
      if (error === null) resolve(response);
      else reject(error);
    });
  });
}

function withId(id: string): Metadata {
  const metadata = new Metadata();
  metadata.set('x-request-id', id);
  return metadata;
}

describe('a call', () => {
  it('is logged by the id that its maker has given it, once', async () => {
    await call(withId('deploy-7'));
    await call(withId('deploy-8'));
    await vi.waitFor(() => expect(lines).toHaveLength(2));
    expect(lines[0]).toMatchObject({ requestId: 'deploy-7', method: '/gantry.v1.LocalManager/Health', code: 'OK' });
    expect(lines[1]).toMatchObject({ requestId: 'deploy-8', level: 20 });
    expect(lines[1]).not.toHaveProperty('error');
  });

  it('gets an id where it has none that can be used, and hands it on', async () => {
    await call();
    await call(withId('x'.repeat(200)));
    await vi.waitFor(() => expect(lines).toHaveLength(2));
    const [{ requestId = '' } = {}] = lines;
    expect(requestId).not.toBe('');
    expect(lines[1]?.requestId).toBe(requestId);
    const onward = new Metadata();
    passRequestId(seen, onward);
    expect(onward.get('x-request-id')).toEqual([requestId]);
  });

  it('is a warning when it ends with a defect, and not when its maker was wrong', async () => {
    answer = () => Promise.reject(new GantryError('NOT_FOUND', 'no such thing'));
    await expect(call()).rejects.toThrow('no such thing');
    answer = () => Promise.reject(new Error('it broke'));
    await expect(call()).rejects.toThrow('it broke');
    await vi.waitFor(() => expect(lines).toHaveLength(2));
    expect(lines).toMatchObject([
      { level: 20, code: 'NOT_FOUND', error: 'no such thing' },
      { level: 40, code: 'INTERNAL', error: 'it broke' },
    ]);
  });

  it('that its maker gives up is logged as cancelled', async () => {
    const asked = Promise.withResolvers<void>();
    answer = () => {
      asked.resolve();
      return new Promise(() => undefined);
    };
    const given = client.health({}, withId('gone'), () => undefined);
    await asked.promise;
    given.cancel();
    await vi.waitFor(() => expect(lines).toMatchObject([{ requestId: 'gone', code: 'CANCELLED' }]));
  });
});
