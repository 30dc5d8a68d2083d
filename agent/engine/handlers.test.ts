import { describe, expect, it } from 'vitest';
import { GantryError } from '../../proto/errors.ts';
import type { ContainerStreamRequest, ImageImportRequest } from '../../proto/generated/gantry/v1/engine.ts';
import type { Containers } from '../container/containers.ts';
import type { EngineParts } from './api.ts';
import { containerHandlers } from './container-handlers.ts';
import { imageHandlers } from './image-handlers.ts';
import { networkHandlers } from './network-handlers.ts';
import { parsePrettyName } from './system-facts.ts';

const NOBODY = new AbortController().signal;

async function* stream<Item>(...items: Item[]): AsyncGenerator<Item, void, undefined> {
  yield* items;
}

async function collect<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const result: Item[] = [];
  for await (const item of items) result.push(item);
  return result;
}

/** Engine parts of which a test needs few. */
function imageParts(parts: object): EngineParts {
  return parts as EngineParts;
}

describe('streams about containers', () => {
  const containers = {
    stream: async function* (requests: AsyncIterable<unknown>) {
      for await (const _ of requests) yield { message: { $case: 'exitCode', value: 0 } };
    },
  } as unknown as Containers;
  const handlers = containerHandlers(containers);
  const attach: ContainerStreamRequest = { message: { $case: 'attach', value: { reference: 'x', stdin: false } } };
  const end: ContainerStreamRequest = { message: { $case: 'stdinEnd', value: true } };

  it('take their own first request and all that follow', async () => {
    expect(await collect(handlers.containerAttach(stream(attach, end), NOBODY))).toHaveLength(2);
  });

  it('refuse another’s', async () => {
    await expect(collect(handlers.containerRun(stream(attach), NOBODY))).rejects.toThrow('must be sent "run" first');
    await expect(collect(handlers.containerExec(stream(end), NOBODY))).rejects.toThrow('must be sent "exec" first');
  });

  it('need a config to create', async () => {
    await expect(handlers.containerCreate({ config: undefined }, NOBODY)).rejects.toThrow('must be sent a config');
  });
});

it('a network shows what is on it, also what is no container, such as a step of a build', async () => {
  const networks = {
    find: () => ({ name: 'bridge' }),
    endpointsOf: () => [{ containerId: 'c1' }, { containerId: 'step' }],
  };
  const containers = {
    inspect: (id: string) => {
      if (id === 'step') throw new GantryError('NOT_FOUND', 'no such container');
      return { taskId: 't1' };
    },
  };
  const handlers = networkHandlers({ networks, containers } as unknown as EngineParts);
  expect(await handlers.localNetworkInspect({ reference: 'bridge' }, NOBODY)).toEqual({
    network: { name: 'bridge' },
    endpoints: [
      { containerId: 'c1', taskId: 't1' },
      { containerId: 'step', taskId: '' },
    ],
  });
});

describe('streams about images', () => {
  const imported: unknown[] = [];
  const images = {
    load: async (archive: AsyncIterable<Uint8Array>) => (await collect(archive)).map(String),
    import: async (archive: AsyncIterable<Uint8Array>, options: unknown) => {
      imported.push(options, ...(await collect(archive)).map(String));
      return 'sha256:1';
    },
    remove: async (reference: string, { isUsed }: { isUsed: (id: string) => string | undefined }) => ({
      untagged: [reference],
      deleted: [isUsed('sha256:1') ?? 'unused'],
    }),
  };
  const containers = { list: async () => [{ imageId: 'sha256:1', name: 'web' }] };
  const handlers = imageHandlers(imageParts({ images, containers }));
  const options = { $case: 'options' as const, value: { reference: 'a', changes: [], message: '', platform: '' } };
  const data = (text: string) => ({ $case: 'data', value: Buffer.from(text) }) as const;
  const send = (...messages: ImageImportRequest['message'][]) =>
    handlers.imageImport(stream(...messages.map((message) => ({ message }))), NOBODY);

  it('pass the archive on', async () => {
    const loaded = await handlers.imageLoad(stream({ data: Buffer.from('a') }, { data: Buffer.from('b') }), NOBODY);
    expect(loaded).toEqual({ loaded: ['a', 'b'] });
    expect(await send(options, data('x'), data('y'))).toEqual({ id: 'sha256:1' });
    expect(imported).toEqual([options.value, 'x', 'y']);
  });

  it('begin with their options, once', async () => {
    await expect(send(data('x'))).rejects.toThrow('ImageImport must be sent its options first');
    await expect(send()).rejects.toThrow('ImageImport must be sent its options first');
    await expect(send(options, options)).rejects.toThrow('ImageImport was sent options twice');
  });

  it('know which images containers are made from', async () => {
    expect(await handlers.imageRemove({ reference: 'a', force: false }, NOBODY)).toEqual({
      untagged: ['a'],
      deleted: ['web'],
    });
  });

  it('leave one that runs its image and the names of that, by whatever force', async () => {
    const byId = { resolve: async () => ({ id: 'sha256:1', name: 'sha256:1' }), ...images };
    const force = imageHandlers(imageParts({ images: byId, containers }));
    const request = { reference: '1', force: true };
    await expect(force.imageRemove(request, NOBODY)).rejects.toThrow('running container web is using it');
    const byName = { resolve: async () => ({ id: 'sha256:1', name: 'a:latest' }), ...images };
    const named = imageHandlers(imageParts({ images: byName, containers }));
    expect(await named.imageRemove({ ...request, reference: 'a' }, NOBODY)).toMatchObject({ untagged: ['a'] });
  });
});

describe('the host', () => {
  it('is called what it calls itself', () => {
    expect(parsePrettyName('NAME=x\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n')).toBe(
      'Debian GNU/Linux 12 (bookworm)',
    );
    expect(parsePrettyName('')).toBe('Linux');
  });
});
