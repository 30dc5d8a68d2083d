import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Client, Metadata, Server, ServerCredentials, type UntypedServiceImplementation } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { connectClient, responses, unary } from '../../proto/client.ts';
import { GantryError } from '../../proto/errors.ts';
import {
  type ClusterInspectResponse,
  ControlClient,
  ControlService,
  ServiceLogLine,
  ServiceLogsRequest,
} from '../../proto/generated/gantry/v1/control.ts';
import { serverStreamMethod, unaryMethod } from '../../proto/server.ts';
import { controlProxy } from './control-proxy.ts';
import { connectManager, whenReady } from './manager-client.ts';

let dir: string;
let upstream: Client;
let client: ControlClient;
const servers: Server[] = [];

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'gantry-proxy-'));
  upstream = connectManager(dir);
  const { definition, implementation } = controlProxy(async () => {
    await whenReady(upstream, Date.now());
    return upstream;
  });
  await listen('gantry.sock', definition, implementation);
  client = connectClient(ControlClient, { kind: 'unix', path: join(dir, 'gantry.sock') });
});
afterEach(() => {
  client.close();
  upstream.close();
  for (const server of servers.splice(0)) server.forceShutdown();
  rmSync(dir, { recursive: true, force: true });
});

async function listen(name: string, definition: object, implementation: UntypedServiceImplementation): Promise<Server> {
  const server = new Server();
  server.addService(definition as typeof ControlService, implementation);
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(`unix:${join(dir, name)}`, ServerCredentials.createInsecure(), (error) =>
      error === null ? resolve() : reject(error),
    );
  });
  servers.push(server);
  return server;
}

/** A manager that answers only what is given. */
function listenManager(methods: UntypedServiceImplementation): Promise<Server> {
  const refuse = (_call: unknown, done?: (error: Error) => void) => done?.(new Error('not in this test'));
  const all = Object.fromEntries(Object.keys(ControlService).map((name) => [name, refuse]));
  return listen('manager.sock', ControlService, { ...all, ...methods });
}

function inspect(): Promise<ClusterInspectResponse> {
  return unary((done) => client.clusterInspect({}, done));
}

describe('the Control service on the node', () => {
  it('passes a call on, with metadata and deadline', async () => {
    const seen: { tag: unknown; deadline: unknown }[] = [];
    await listenManager({
      clusterInspect: (
        call: { metadata: Metadata; getDeadline(): Date | number },
        done: (e: null, r: object) => void,
      ) => {
        seen.push({ tag: call.metadata.get('tag')[0], deadline: Number(call.getDeadline()) });
        done(null, { nodeId: 'n1', leaderNodeId: 'n2', cluster: undefined });
      },
    });
    const metadata = new Metadata();
    metadata.set('tag', 'x');
    const deadline = Date.now() + 60_000;
    const answer = await unary<ClusterInspectResponse>((done) =>
      client.clusterInspect({}, metadata, { deadline }, done),
    );
    expect(answer).toMatchObject({ nodeId: 'n1', leaderNodeId: 'n2' });
    expect(seen[0]?.tag).toBe('x');
    expect(Math.abs(Number(seen[0]?.deadline) - deadline)).toBeLessThan(2000);
  });

  it("gives the manager's error to the client whole", async () => {
    const error = new GantryError('PORT_IN_USE', 'port 80 is taken', { hint: 'choose another' });
    await listenManager({ clusterInspect: unaryMethod(() => Promise.reject(error)) });
    await expect(inspect()).rejects.toMatchObject({ code: 'PORT_IN_USE', message: error.message, hint: error.hint });
  });

  it('says so when the manager ends before it has answered', async () => {
    const asked = Promise.withResolvers<void>();
    const never = () => {
      asked.resolve();
      return new Promise<never>(() => undefined);
    };
    const manager = await listenManager({ clusterInspect: unaryMethod(never) });
    const answer = inspect();
    await asked.promise;
    manager.forceShutdown();
    await expect(answer).rejects.toMatchObject({ code: 'UNAVAILABLE', hint: expect.stringContaining('done or not') });
  });

  it('passes a stream on to its last message, and then its error', async () => {
    const lines = 2000;
    await listenManager({
      serviceLogs: serverStreamMethod(async function* () {
        for (let line = 0; line < lines; line += 1) yield ServiceLogLine.fromPartial({ data: Buffer.alloc(4096) });
        throw new GantryError('UNAVAILABLE', 'the node went away');
      }),
    });
    let received = 0;
    const read = async () => {
      for await (const _line of responses(client.serviceLogs(ServiceLogsRequest.fromPartial({})))) received += 1;
    };
    await expect(read()).rejects.toMatchObject({ code: 'UNAVAILABLE', message: 'the node went away' });
    expect(received).toBe(lines);
  });

  it('ends a stream that ends', async () => {
    await listenManager({
      serviceLogs: serverStreamMethod(async function* () {
        yield ServiceLogLine.fromPartial({ taskId: 't1' });
      }),
    });
    const tasks: string[] = [];
    for await (const line of responses(client.serviceLogs(ServiceLogsRequest.fromPartial({})))) tasks.push(line.taskId);
    expect(tasks).toEqual(['t1']);
  });

  it('cancels at the manager what the client cancels', async () => {
    const cancelled = vi.fn();
    await listenManager({
      serviceLogs: serverStreamMethod(async function* (_request, signal) {
        yield ServiceLogLine.fromPartial({ taskId: 't1' });
        await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
        cancelled();
      }),
    });
    for await (const _line of responses(client.serviceLogs(ServiceLogsRequest.fromPartial({ follow: true })))) break;
    await vi.waitFor(() => expect(cancelled).toHaveBeenCalledOnce());
  });

  it('holds the manager back while the client does not read', async () => {
    let produced = 0;
    await listenManager({
      serviceLogs: serverStreamMethod(async function* (_request, signal) {
        while (!signal.aborted && produced < 10_000) {
          produced += 1;
          yield ServiceLogLine.fromPartial({ data: Buffer.alloc(64 * 1024) });
        }
      }),
    });
    const lines = responses(client.serviceLogs(ServiceLogsRequest.fromPartial({})));
    await lines.next();
    let before = -1;
    const standsStill = () => {
      const same = produced === before;
      before = produced;
      expect(same).toBe(true);
    };
    await vi.waitFor(standsStill, { interval: 200, timeout: 5000 });
    expect(produced).toBeLessThan(2000);
    await lines.return();
  });

  it('waits for a manager that is starting', async () => {
    const answer = inspect();
    await listenManager({
      clusterInspect: unaryMethod(async () => ({ nodeId: 'n1', leaderNodeId: '', cluster: undefined })),
    });
    expect(await answer).toMatchObject({ nodeId: 'n1' });
  });

  it('says so when the manager does not come', async () => {
    await expect(inspect()).rejects.toMatchObject({ code: 'UNAVAILABLE', hint: expect.stringContaining('try again') });
  }, 15_000);

  it('finds the manager again after it was restarted', async () => {
    const answers = (nodeId: string) => ({
      clusterInspect: unaryMethod(async () => ({ nodeId, leaderNodeId: '', cluster: undefined })),
    });
    const first = await listenManager(answers('first'));
    expect(await inspect()).toMatchObject({ nodeId: 'first' });
    first.forceShutdown();
    await vi.waitFor(() => expect(upstream.getChannel().getConnectivityState(false)).not.toBe(2));
    await listenManager(answers('second'));
    expect(await inspect()).toMatchObject({ nodeId: 'second' });
  });
});
