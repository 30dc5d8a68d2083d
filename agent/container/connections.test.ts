import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { config, EngineFixture } from './engine-fixture.testing.ts';

let fixture: EngineFixture;
beforeEach(() => {
  fixture = new EngineFixture();
});
afterEach(() => fixture.remove());

const to = (target: string, ...aliases: readonly string[]) => ({ target, aliases: [...aliases] });
const networksOf = (id: string) => fixture.host.sandboxes.get(id)?.networks;
const shown = (id: string) => fixture.engine.inspect(id).networks.map(({ networkName }) => networkName);

async function started(...args: Parameters<typeof config>): Promise<string> {
  const id = await fixture.engine.create(config(...args));
  await fixture.engine.start(id);
  return id;
}

describe('a container', () => {
  it('is connected and disconnected while it runs, and stays so when it is started again', async () => {
    const id = await started();
    await fixture.engine.connect(id, to('front', 'web'));
    expect(networksOf(id)).toEqual([to('bridge'), to('front', 'web')]);
    await fixture.engine.disconnect(id, 'bridge', false);
    expect(networksOf(id)).toEqual([to('front', 'web')]);
    expect(shown(id)).toEqual(['front']);
    await fixture.engine.stop(id, undefined);
    await fixture.engine.start(id);
    expect(networksOf(id)).toEqual([to('front', 'web')]);
  });

  it('is on no network when it has been disconnected from all', async () => {
    const id = await started();
    await fixture.engine.disconnect(id, 'bridge', false);
    expect(networksOf(id)).toEqual([]);
    await fixture.engine.stop(id, undefined);
    await fixture.engine.start(id);
    expect(networksOf(id)).toEqual([]);
  });

  it('is on them from its start on when it was connected before', async () => {
    const id = await fixture.engine.create(config());
    await fixture.engine.connect(id, to('front'));
    await fixture.restart();
    await fixture.engine.start(id);
    expect(networksOf(id)).toEqual([to('bridge'), to('front')]);
  });

  it('is put on the networks of its record by a gantryd that was killed on the way', async () => {
    const id = await started();
    const path = join(fixture.root, 'data/containers', id, 'container.json');
    const before = readFileSync(path, 'utf8');
    await fixture.engine.connect(id, to('front'));
    writeFileSync(path, before);
    await fixture.restart();
    expect(networksOf(id)).toEqual([to('bridge')]);
    expect(shown(id)).toEqual(['bridge']);
  });

  it('can’t be on a network twice, nor on one that it is to leave and isn’t on', async () => {
    const id = await started();
    await expect(fixture.engine.connect(id, to('bridge'))).rejects.toMatchObject({ code: 'ALREADY_EXISTS' });
    await expect(fixture.engine.disconnect(id, 'front', false)).rejects.toMatchObject({ code: 'WRONG_STATE' });
    await fixture.engine.disconnect(id, 'front', true);
    expect(networksOf(id)).toEqual([to('bridge')]);
  });

  it.each(['host', 'none'])('can’t be connected to %s, nor be elsewhere when it was made there', async (word) => {
    const id = await started();
    await expect(fixture.engine.connect(id, to(word))).rejects.toMatchObject({ code: 'WRONG_STATE' });
    const there = await fixture.engine.create(config({}, { networks: [to(word)] }));
    await expect(fixture.engine.connect(there, to('front'))).rejects.toMatchObject({ code: 'WRONG_STATE' });
    await expect(fixture.engine.disconnect(there, word, false)).rejects.toMatchObject({ code: 'WRONG_STATE' });
  });

  it('can leave a network that is gone', async () => {
    const id = await fixture.engine.create(config({}, { networks: [to('front'), to('bridge')] }));
    fixture.host.gone.add('front');
    await fixture.engine.disconnect(id, 'front', false);
    await fixture.engine.start(id);
    expect(networksOf(id)).toEqual([to('bridge')]);
    await expect(fixture.engine.connect(id, to('front'))).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('can’t be on a network that is for services, and a service’s has its networks from its spec', async () => {
    fixture.host.unattachable.add('shop');
    const id = await fixture.engine.create(config());
    await expect(fixture.engine.connect(id, to('shop'))).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
    const other = await fixture.engine.create(config({}, { networks: [to('shop')] }));
    await expect(fixture.engine.start(other)).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
    const task = await fixture.engine.create(config({}, { networks: [to('shop')] }), { taskId: 't', files: [] });
    await fixture.engine.start(task);
    await expect(fixture.engine.connect(task, to('front'))).rejects.toMatchObject({ code: 'WRONG_STATE' });
  });
});
