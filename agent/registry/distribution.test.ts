import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RegistryCredentials } from '../../proto/generated/gantry/v1/engine.ts';
import { isRoot, makeTar } from '../image/testing/fixtures.ts';
import { FakeRegistry } from './testing/fake-registry.ts';
import { RegistryFixture } from './testing/registry-fixture.ts';

const layer = makeTar([{ name: 'etc/' }]);
const AMD64 = { os: 'linux', architecture: 'amd64' };
const RISCV = { os: 'linux', architecture: 'riscv64' };

let registry: FakeRegistry;
let fixture: RegistryFixture;
beforeEach(async () => {
  registry = await new FakeRegistry().start();
  fixture = await new RegistryFixture().open();
});
afterEach(async () => {
  await registry.stop();
  await fixture.dispose();
});

const name = (suffix: string) => `${registry.host}/${suffix}`;
const inspect = (reference: string, credentials?: RegistryCredentials) =>
  fixture.registries.inspect({ reference, credentials }, new AbortController().signal);

describe.runIf(isRoot)('what an image is in its registry', () => {
  it('is told by digest, with its platforms, and nothing of it is kept', async () => {
    const own = registry.putImage('app', 'own', [layer]);
    const other = registry.putImage('app', 'other', [layer], 'riscv64');
    const index = registry.putIndex('app', '1', { amd64: own, riscv64: other });
    expect(await inspect(name('app:1'))).toEqual({ digest: index, platforms: [AMD64, RISCV], remembered: false });
    expect(await inspect(name('app:other'))).toEqual({ digest: other, platforms: [RISCV], remembered: false });
    expect(await inspect(name(`app:1@${own}`))).toMatchObject({ digest: own });
    expect(await fixture.left()).toEqual({ blobs: [], ingest: [], layers: [] });
  });

  it('is told to who may know it, and is missing when it is', async () => {
    registry.putImage('app', '1', [layer]);
    const login = { username: 'alice', password: 's3cret' };
    registry.login = { scheme: 'basic', ...login };
    await expect(inspect(name('app:1'))).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
    const credentials = RegistryCredentials.fromPartial(login);
    await expect(inspect(name('app:2'), credentials)).rejects.toMatchObject({ code: 'IMAGE_NOT_FOUND' });
    expect((await inspect(name('app:1'), credentials)).platforms).toEqual([AMD64]);
  });

  it('is what it was when it was pulled, while the registry does not answer', async () => {
    const digest = registry.putImage('app', '1', [layer]);
    const [reference, other] = [name('app:1'), name('app:2')];
    await fixture.pull(reference);
    await registry.stop();
    expect(await inspect(reference)).toMatchObject({ digest, remembered: true });
    await expect(inspect(other)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });

  it('is nothing of an image that was made here, and is of no registry', async () => {
    registry.putImage('app', '1', [layer]);
    await fixture.pull(name('app:1'));
    await fixture.stores.images.tag(name('app:1'), 'web:1');
    await expect(inspect('web:1')).rejects.toMatchObject({ code: 'WRONG_STATE' });
  });
});
