/** For tests: a registry that can be made to lie, an image store that pulls from it, and a look at what is left after that. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { digestOf } from '../../image/content-store.ts';
import { OCI_CONFIG, OCI_LAYER } from '../../image/manifest.ts';
import { makeTar } from '../../image/testing/fixtures.ts';
import { FakeRegistry } from './fake-registry.ts';
import { type FixtureOptions, RegistryFixture } from './registry-fixture.ts';

/** The layers of app:1, if nobody lies. */
export const BASE: Buffer = makeTar([{ name: 'etc/' }, { name: 'etc/motd', data: 'base' }]);
export const TOP: Buffer = makeTar([
  { name: 'etc/motd', data: 'top' },
  { name: 'big', data: Buffer.alloc(200_000, 7) },
]);
export const NOTHING = { blobs: [], ingest: [], layers: [] } as const;
export const CREDENTIALS = {
  ...{ username: 'ann', password: 'secret', identityToken: '', registryToken: '', serverAddress: '' },
} as const;
/** The beginning of an answer, for more headers. */
export const HEAD = 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n';

export type Answer = (request: IncomingMessage, response: ServerResponse) => void;
export type Lie = (lying: LyingRegistry) => void;

export class LyingRegistry {
  readonly registry: FakeRegistry;
  readonly fixture: RegistryFixture;
  readonly #timersBefore = timers();

  private constructor(registry: FakeRegistry, fixture: RegistryFixture) {
    this.registry = registry;
    this.fixture = fixture;
  }

  static async open(options: FixtureOptions = {}): Promise<LyingRegistry> {
    const registry = await new FakeRegistry().start();
    registry.putImage('app', '1', [BASE, TOP]);
    return new LyingRegistry(registry, await new RegistryFixture({ stallMs: 150, ...options }).open());
  }

  async dispose(): Promise<void> {
    await this.registry.stop();
    await this.fixture.dispose();
  }

  name(suffix: string): string {
    return `${this.registry.host}/${suffix}`;
  }

  /** Requests whose path has `part` in it are answered so. */
  answer(part: string, how: Answer): void {
    this.registry.misbehave = (request, response) => {
      if (request.url?.includes(part) !== true) return false;
      how(request, response);
      return true;
    };
  }

  /** That app:1 can't be pulled, and that nothing is left of the attempt. */
  async expectFailure(code: string, message: RegExp, credentials?: typeof CREDENTIALS): Promise<void> {
    const options = credentials === undefined ? {} : { credentials };
    const failure: unknown = await this.fixture.pull(this.name('app:1'), options).then(
      () => 'it was pulled',
      (error: unknown) => error,
    );
    expect(failure).toMatchObject({ message: expect.stringMatching(message), code });
    await this.expectNothingLeft();
  }

  /** No blob, file or layer, no connection, no timer. */
  async expectNothingLeft(): Promise<void> {
    expect(await this.fixture.left()).toEqual(NOTHING);
    expect(this.fixture.stores.images.count()).toBe(0);
    await this.expectNoConnection();
    await eventually(() => timers() <= this.#timersBefore);
  }

  async expectNoConnection(): Promise<void> {
    await eventually(async () => (await this.registry.connections()) === 0);
  }
}

function timers(): number {
  return process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
}

/** Not expect.poll, which has timers of its own. */
export async function eventually(check: () => boolean | Promise<boolean>): Promise<void> {
  for (let left = 10_000; !(await check()); left -= 20) {
    if (left <= 0) throw new Error(`it never came true: ${check}`);
    await sleep(20);
  }
}

export function answer(part: string, how: Answer): Lie {
  return (lying) => lying.answer(part, how);
}

export const manifest = (how: Answer): Lie => answer('/manifests/', how);
export const layer = (how: Answer): Lie => answer(`/blobs/${digestOf(TOP)}`, how);
export const text = (body: string, headers: Record<string, string> = {}): Lie =>
  manifest((_, response) => void response.writeHead(200, headers).end(body));

export const configOf = (document: unknown): Buffer => Buffer.from(JSON.stringify(document));

/** An image of one layer, whose manifest says of a part that it has so many bytes more. */
export function sized(part: 'config' | 'layer', by: number): Lie {
  return ({ registry }) => {
    const rootfs = { type: 'layers', diff_ids: [digestOf(BASE)] };
    const config = registry.putBlob('app', configOf({ architecture: 'amd64', os: 'linux', rootfs }));
    const one = registry.putBlob('app', BASE);
    registry.putManifest('app', '1', {
      config: { mediaType: OCI_CONFIG, ...config, size: config.size + (part === 'config' ? by : 0) },
      layers: [{ mediaType: OCI_LAYER, ...one, size: one.size + (part === 'layer' ? by : 0) }],
    });
  };
}

export function withConfig(config: Buffer, blob: Buffer = BASE): Lie {
  return ({ registry }) => {
    registry.putManifest('app', '1', {
      config: { mediaType: OCI_CONFIG, ...registry.putBlob('app', config) },
      layers: [{ mediaType: OCI_LAYER, ...registry.putBlob('app', blob) }],
    });
  };
}

export function withLayer(blob: Buffer, diffId = digestOf(blob)): Lie {
  const rootfs = { type: 'layers', diff_ids: [diffId] };
  return withConfig(configOf({ architecture: 'amd64', os: 'linux', rootfs }), blob);
}

/** The connection drops in each attempt, after so many bytes of the upper layer. */
export function dropping(bytes: number): Answer {
  return (request, response) => {
    const from = Number(/\d+/.exec(request.headers.range ?? '0')?.[0]);
    const range = { 'content-range': `bytes ${from}-${TOP.length - 1}/${TOP.length}` };
    response.writeHead(from > 0 ? 206 : 200, { 'content-length': TOP.length - from, ...(from > 0 ? range : {}) });
    response.write(TOP.subarray(from, from + bytes), () => response.destroy());
  };
}
