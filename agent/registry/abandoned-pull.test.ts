/** Pulls that are of no more use: given up by their user, or by what is wrong with one layer. They end at once, and leave nothing. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ImagePullResponse, TransferPhase } from '../../proto/generated/gantry/v1/engine.ts';
import { compressedZeros } from '../image/testing/archives.ts';
import { isRoot, makeTar } from '../image/testing/fixtures.ts';
import { refuse } from './testing/fake-registry.ts';
import {
  answer,
  eventually,
  HEAD,
  type Lie,
  LyingRegistry,
  layer,
  manifest,
  TOP,
  withLayer,
} from './testing/lying-registry.ts';
import { drip } from './testing/raw-answers.ts';

let lying: LyingRegistry;
beforeEach(async () => {
  // Nobody but the user ends the waiting.
  lying = await LyingRegistry.open({ stallMs: 600_000, waits: true });
});
afterEach(() => lying.dispose());

describe.runIf(isRoot)('a pull that its user gives up', () => {
  it.each<[string, Lie]>([
    ['while the registry is asked whether it is one', answer('/v2/', () => undefined)],
    ['while a manifest is waited for', manifest(() => undefined)],
    ['while a manifest drips', manifest((to) => drip(to, `${HEAD}content-length: 9999\r\n\r\n`, ' '))],
    ['while a layer is waited for', layer(() => undefined)],
    ['while a layer drips', layer((to) => drip(to, `${HEAD}content-length: ${TOP.length}\r\n\r\n`, 'x'))],
    ['while it waits to try again', layer((_, to) => refuse(to, 503, 'UNAVAILABLE', 'later'))],
  ])('%s ends at once and leaves nothing', async (_, spoil) => {
    spoil(lying);
    const user = new AbortController();
    const pull = lying.fixture.pull(lying.name('app:1'), {}, { signal: user.signal });
    pull.catch(() => undefined);
    await eventually(() => lying.registry.misbehaved > 0);
    user.abort();
    await expect(pull).rejects.toMatchObject({ code: 'CANCELLED', message: expect.stringContaining('app:1') });
    await lying.expectNothingLeft();
  });
});

describe.runIf(isRoot)('a pull with much to do', () => {
  it('can be given up while a layer is unpacked', async () => {
    withLayer(compressedZeros(4 * 2 ** 30))(lying);
    const user = new AbortController();
    const unpacking = Promise.withResolvers<void>();
    const onEvent = ({ message }: ImagePullResponse) => {
      if (message?.$case === 'progress' && message.value.phase === TransferPhase.UNPACKING) unpacking.resolve();
    };
    const pull = lying.fixture.pull(lying.name('app:1'), {}, { signal: user.signal, onEvent });
    pull.catch(() => undefined);
    await unpacking.promise;
    user.abort();
    await expect(pull).rejects.toMatchObject({ code: 'CANCELLED', message: expect.stringContaining('app:1') });
    await lying.expectNothingLeft();
  });

  it('ends when one layer is bad, however long the others would take', async () => {
    lying.registry.putImage('app', '1', [makeTar([{ name: '../evil', data: 'evil' }]), TOP]);
    layer(() => undefined)(lying);
    await lying.expectFailure(
      'INVALID_ARGUMENT',
      /app:1: unpacking layer 1 of .*app:1: entry "\.\.\/evil": .* leads outside/,
    );
  });
});
