import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { inPieces, isRoot, makeTar } from '../image/testing/fixtures.ts';
import { TestRegistry } from '../registry-server/testing/registry-client.ts';
import { NarrowFront } from './testing/narrow-front.ts';
import { RegistryFixture } from './testing/registry-fixture.ts';

const MIB = 1 << 20;

let registry: TestRegistry;
let front: NarrowFront;
let fixture: RegistryFixture;

beforeEach(async () => {
  registry = await new TestRegistry().start();
  front = await new NarrowFront(() => registry.port).start();
  await registry.server.close();
  await registry.serve({ hosts: [front.host] });
  fixture = await new RegistryFixture({ stallMs: 5000 }).open();
});
afterEach(async () => {
  await fixture.dispose();
  await front.stop();
  await registry.stop();
});

const image = () => `${front.host}/shop/web:1`;

async function importImage(mebibytes: number): Promise<void> {
  const tar = makeTar([{ name: 'data', data: randomBytes(mebibytes * MIB) }]);
  await fixture.stores.images.import(inPieces(tar, MIB), {
    ...{ reference: image(), changes: [], message: '', platform: '' },
  });
}

async function expectPushed(): Promise<void> {
  const [here, there] = [await fixture.stores.images.inspect(image()), await registry.stores.images.inspect(image())];
  expect(there.id).toBe(here.id);
}

const uploads = () => front.seen.filter((line) => /^(PUT|PATCH|GET) /.test(line)).slice(0, -1);

describe.runIf(isRoot)('a push', () => {
  it('sends the rest of a layer when the connection breaks', async () => {
    await importImage(20);
    front.cutAfterBytes = 12 * MIB;
    await fixture.push(image());
    await expectPushed();
    const patched = uploads().filter((line) => line.startsWith('PATCH'));
    expect(patched).toHaveLength(1);
    const [, bytes = ''] = patched[0]?.split(' ') ?? [];
    // What had come wasn't sent again; some of it was on its way.
    expect(Number(bytes)).toBeLessThan(18 * MIB);
  });

  it('sends a layer in chunks to a registry that takes no large pieces', async () => {
    await importImage(10);
    front.limitBytes = 3 * MIB;
    await fixture.push(image());
    await expectPushed();
    const patched = uploads().filter((line) => line.startsWith('PATCH'));
    expect(patched.filter((line) => line.endsWith(' 202')).length).toBeGreaterThanOrEqual(4);
    expect(patched.every((line) => Number(line.split(' ')[1]) <= 3 * MIB || line.endsWith(' 413'))).toBe(true);
  });

  it('fails with what the registry says when it takes no piece at all', async () => {
    await importImage(4);
    front.limitBytes = 1000;
    await expect(fixture.push(image())).rejects.toThrow(/HTTP status 413/);
  });

  it('mounts layers that another repository of the registry has', async () => {
    await importImage(1);
    await fixture.push(image());
    const other = `${front.host}/shop/other:1`;
    await fixture.stores.images.tag(image(), other);
    front.seen.length = 0;
    await fixture.push(other);
    expect(front.seen.find((line) => line.startsWith('POST'))).toBe('POST 0 201');
    expect(front.seen.some((line) => Number(line.split(' ')[1]) > MIB)).toBe(false);
  });
});
