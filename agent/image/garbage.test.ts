import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Digest } from '../../proto/ids.ts';
import { digestOf } from './content-store.ts';
import type { Lease } from './lease.ts';
import { inPieces, isRoot, makeTar, TestStores } from './testing/fixtures.ts';

const DAY_MS = 24 * 60 * 60_000;
const [ONE, TWO] = ['one', 'two'].map((text) => Buffer.from(text)) as [Buffer, Buffer];

let stores: TestStores;
beforeEach(async () => {
  stores = await new TestStores().open();
});
afterEach(() => stores.dispose());

const lease = () => stores.images.garbage.lease();
const end = (one: Lease) => one[Symbol.dispose]();
const has = (data: Buffer) => stores.images.content.has(digestOf(data));
const partial = () => readdirSync(join(stores.dir, 'content/partial'));

async function collect(): Promise<void> {
  stores.images.garbage.schedule();
  await stores.images.garbage.settled();
}

describe('a lease', () => {
  it('keeps what came under it, while other garbage goes', async () => {
    const [first, second] = [lease(), lease()];
    await first.content.put(ONE);
    await second.content.put(TWO);
    end(second);
    await collect();
    expect([has(ONE), has(TWO)]).toEqual([true, false]);
    end(first);
    await collect();
    expect(has(ONE)).toBe(false);
  });

  it('keeps what it has looked for, whoever brought it', async () => {
    const [first, second] = [lease(), lease()];
    await first.content.put(ONE);
    expect(second.content.has(digestOf(ONE))).toBe(true);
    end(first);
    await collect();
    expect(has(ONE)).toBe(true);
    end(second);
  });

  it('dies with its process: what it kept is set aside for a day, for whoever goes on with it', async () => {
    const last = lease();
    for (const data of [ONE, TWO]) await last.content.put(data);
    await stores.reopen();
    await collect();
    expect(has(ONE)).toBe(false);
    expect(partial()).toHaveLength(2);
    using next = lease();
    await next.content.put(TWO);
    expect(partial()).toEqual([digestOf(ONE).slice('sha256:'.length)]);
    const writer = await next.content.resume(digestOf(ONE));
    expect(writer.size).toBe(ONE.length);
    await writer.commit({ digest: digestOf(ONE) });
    expect([has(ONE), partial()]).toEqual([true, []]);
  });

  it('leaves what has come of a blob to the next process when its own ends in good order', async () => {
    const left = lease();
    const writer = await left.content.resume(digestOf(TWO));
    await writer.write(ONE);
    stores.images.keepUnfinished();
    await writer.abort();
    end(left);
    await stores.reopen();
    using next = lease();
    const resumed = await next.content.resume(digestOf(TWO));
    expect(resumed.size).toBe(ONE.length);
    await resumed.abort();
    expect(partial()).toEqual([]);
  });

  it('lets go of what nobody goes on with for a day', async () => {
    await lease().content.put(ONE);
    await stores.reopen();
    await collect();
    expect(partial()).toHaveLength(1);
    stores.now += DAY_MS + 1000;
    await collect();
    expect(partial()).toEqual([]);
  });

  it('has a blob that two bring at once written by each for himself', async () => {
    using one = lease();
    const digest = digestOf(ONE);
    const writers = [await one.content.resume(digest), await one.content.resume(digest)];
    for (const writer of writers) await writer.write(ONE);
    for (const writer of writers) await writer.commit({ digest });
    expect([has(ONE), partial()]).toEqual([true, []]);
  });
});

describe.runIf(isRoot)('an image', () => {
  const options = { changes: [], message: '', platform: '' };

  it('that is removed while it is saved stays until that has ended', async () => {
    const tar = makeTar([{ name: 'file', data: Buffer.alloc(3 << 20) }]);
    await stores.images.import(inPieces(tar), { ...options, reference: 'saved' });
    const [saved, whole] = [stores.images.save(['saved']), stores.images.save(['saved'])];
    let bytes = 0;
    for await (const chunk of whole) bytes += chunk.length;
    let left = (await saved.next()).value?.length ?? 0;
    await stores.images.remove('saved', { force: false, isUsed: () => undefined });
    await collect();
    for await (const chunk of saved) left += chunk.length;
    expect(left).toBe(bytes);
    await stores.images.garbage.settled();
    expect(stores.images.content.list()).toEqual([]);
    expect(stores.images.layers.list()).toEqual([]);
  });

  it('and its layers are gone at once, while something else is under way for long', async () => {
    using _other = lease();
    await stores.images.import(inPieces(makeTar([{ name: 'file', data: 'x' }])), { ...options, reference: 'gone' });
    const { chainIds } = stores.images.find('gone');
    await stores.images.remove('gone', { force: false, isUsed: () => undefined });
    await stores.images.garbage.settled();
    expect(stores.images.layers.get(chainIds[0] as Digest)).toBeUndefined();
    expect(stores.images.content.list()).toEqual([]);
  });
});
