import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { connectClient } from '../../proto/client.ts';
import { decodeErrorDetail, GantryError } from '../../proto/errors.ts';
import { DispatcherClient, type TunnelFrame } from '../../proto/generated/gantry/v1/dispatcher.ts';
import {
  ContainerInspectRequest,
  ContainerInspectResponse,
  ContainerLogsRequest,
  ContainerStreamRequest,
  ContainerStreamResponse,
  LogLine,
} from '../../proto/generated/gantry/v1/engine.ts';
import type { EngineHandlers } from '../engine/api.ts';
import { serveDispatcher, type TestDispatcher, type TunnelServerCall } from './dispatcher-server.testing.ts';
import { serveTunnel, tunnelMethods } from './tunnel.ts';

let dir: string;
let dispatcher: TestDispatcher;
let client: DispatcherClient;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'gantry-tunnel-'));
  const path = join(dir, 'manager.sock');
  dispatcher = await serveDispatcher(path);
  client = connectClient(DispatcherClient, { kind: 'unix', path });
});
afterEach(() => {
  client.close();
  dispatcher.close();
  rmSync(dir, { recursive: true, force: true });
});

/** Opens a tunnel to one method; the manager's end of it, what came through, and the agent's promise. */
async function open(method: string, handlers: Partial<EngineHandlers>) {
  const methods = tunnelMethods(handlers as EngineHandlers);
  const served = serveTunnel(client.tunnel(), { streamId: 's1', method }, methods);
  await vi.waitFor(() => expect(dispatcher.tunnels).toHaveLength(1));
  const call = dispatcher.tunnels[0] as TunnelServerCall;
  const frames: NonNullable<TunnelFrame['frame']>[] = [];
  call.on('data', ({ frame }: TunnelFrame) => frame !== undefined && frames.push(frame));
  return { call, frames, served };
}

function data(bytes: Uint8Array): TunnelFrame {
  return { frame: { $case: 'data', value: Buffer.from(bytes) } };
}

const END: TunnelFrame = { frame: { $case: 'end', value: true } };

describe('a tunnel', () => {
  it('carries one request and one response', async () => {
    const { call, frames, served } = await open('ContainerInspect', {
      containerInspect: async ({ reference }) =>
        ContainerInspectResponse.fromPartial({ container: { name: reference } }),
    });
    call.write(data(ContainerInspectRequest.encode({ reference: 'web' }).finish()));
    call.write(END);
    await vi.waitFor(() => expect(frames.map(({ $case }) => $case)).toEqual(['streamId', 'data', 'end']));
    const bytes = frames.find((frame) => frame.$case === 'data')?.value ?? new Uint8Array();
    expect(ContainerInspectResponse.decode(bytes).container?.name).toBe('web');
    call.end();
    await served;
  });

  it('carries a stream of requests and of responses', async () => {
    const { call, frames, served } = await open('ContainerExec', {
      containerExec: async function* (requests) {
        for await (const { message } of requests) {
          if (message?.$case === 'stdin') yield { message: { $case: 'stdout', value: message.value } };
        }
        yield { message: { $case: 'exitCode', value: 7 } };
      },
    });
    for (const text of ['one', 'two']) {
      const request = { message: { $case: 'stdin', value: Buffer.from(text) } } as const;
      call.write(data(ContainerStreamRequest.encode(request).finish()));
    }
    call.write(END);
    await vi.waitFor(() => expect(frames.at(-1)?.$case).toBe('end'));
    const messages = frames.flatMap((frame) =>
      frame.$case === 'data' ? [ContainerStreamResponse.decode(frame.value).message] : [],
    );
    expect(messages.map((message) => message?.value?.toString())).toEqual(['one', 'two', '7']);
    call.end();
    await served;
  });

  it('brings an error to the manager whole', async () => {
    const { call, frames, served } = await open('ContainerInspect', {
      containerInspect: async () => {
        throw new GantryError('NOT_FOUND', 'no such container: web', { hint: 'see "gantry ps"' });
      },
    });
    call.write(data(ContainerInspectRequest.encode({ reference: 'web' }).finish()));
    await vi.waitFor(() => expect(frames.at(-1)?.$case).toBe('error'));
    const frame = frames.at(-1);
    const error = frame?.$case === 'error' ? decodeErrorDetail(frame.value.detail) : undefined;
    expect(error).toMatchObject({ code: 'NOT_FOUND', message: 'no such container: web', hint: 'see "gantry ps"' });
    call.end();
    await served;
  });

  it('calls nothing that is not in its table', async () => {
    const imageRemove = vi.fn();
    const { call, frames, served } = await open('ImageRemove', { imageRemove });
    await vi.waitFor(() => expect(frames.at(-1)?.$case).toBe('error'));
    expect(imageRemove).not.toHaveBeenCalled();
    call.end();
    await served;
  });

  it.each([
    ['ends', (call: TunnelServerCall) => call.end()],
    ['breaks', () => dispatcher.close()],
  ])('cancels the handler when it %s', async (_name, hangUp) => {
    const cancelled = vi.fn();
    const { call, frames, served } = await open('ContainerLogs', {
      containerLogs: async function* (_request, signal) {
        yield LogLine.fromPartial({ data: Buffer.from('line') });
        await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
        cancelled();
      },
    });
    call.write(data(ContainerLogsRequest.encode(ContainerLogsRequest.fromPartial({ follow: true })).finish()));
    call.write(END);
    await vi.waitFor(() => expect(frames.at(-1)?.$case).toBe('data'));
    hangUp(call);
    await served;
    expect(cancelled).toHaveBeenCalledOnce();
  });

  it('holds the handler back while the manager does not read', async () => {
    let produced = 0;
    const chunk = LogLine.fromPartial({ data: Buffer.alloc(64 * 1024) });
    const { call, served } = await open('ContainerLogs', {
      containerLogs: async function* (_request, signal) {
        while (!signal.aborted && produced < 10_000) {
          produced += 1;
          yield chunk;
        }
      },
    });
    call.pause();
    call.write(data(ContainerLogsRequest.encode(ContainerLogsRequest.fromPartial({ follow: true })).finish()));
    let before = -1;
    await vi.waitFor(
      () => {
        const standing = produced === before && produced > 0;
        before = produced;
        expect(standing).toBe(true);
      },
      { interval: 200 },
    );
    expect(produced).toBeLessThan(1000);
    call.resume();
    call.end();
    await served;
  });
});
