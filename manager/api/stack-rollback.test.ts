/** What a stack was deployed as, and the way back. */
import { describe, expect, it } from 'vitest';
import { unary } from '../../proto/client.ts';
import {
  ChangeKind,
  type StackHistoryResponse,
  type StackRollbackResponse,
} from '../../proto/generated/gantry/v1/control.ts';
import { deploy, manager, running, shop, shopRuns, tasks, useManager, waitFor } from '../manager-fixture.testing.ts';
import { serviceSpec } from '../objects.testing.ts';

useManager();

describe('the versions of a stack', () => {
  const history = async () => {
    const { versions } = await unary<StackHistoryResponse>((done) =>
      manager.client.stackHistory({ name: 'shop' }, done),
    );
    return versions.map(({ version, rollbackTo, services }) => `${version} <${rollbackTo}> ${services.join(',')}`);
  };
  const rollback = (version: number, dryRun = false, takenBack = 0) =>
    unary<StackRollbackResponse>((done) =>
      manager.client.stackRollback({ name: 'shop', version, dryRun, takenBack }, done),
    );
  const images = () => running('shop_front').map((task) => task.spec?.container?.image);
  const withMore = () => {
    const more = shop({ image: 'hello:2' });
    return { ...more, services: [...more.services, serviceSpec('shop_more')] };
  };

  it('are made by each deployment that changes something, and can be gone back to as a whole', async () => {
    await deploy(shop());
    await shopRuns();
    await deploy(shop());
    await deploy(withMore());
    await waitFor(() => expect(images()).toEqual(['hello:2', 'hello:2', 'hello:2']));
    expect(await history()).toEqual(['2 <0> front,back,store,more', '1 <0> front,back,store']);
    const dry = await rollback(0, true);
    expect(
      dry.changes
        .filter(({ change }) => change !== ChangeKind.UNCHANGED)
        .map(({ name }) => name)
        .toSorted((a, b) => a.localeCompare(b)),
    ).toEqual(['shop_front', 'shop_more']);
    expect(await history()).toHaveLength(2);
    expect(await rollback(0)).toMatchObject({ version: 1 });
    await waitFor(() => expect(images()).toEqual(['hello:latest', 'hello:latest', 'hello:latest']));
    await waitFor(() => expect(tasks('shop_more')).toEqual([]));
    expect((await history())[0]).toBe('3 <1> front,back,store');
    // As front was before version 2: its tasks are those of spec version 1 again.
    expect(new Set(running('shop_front').map((task) => task.specVersion))).toEqual(new Set([1]));
  });

  it('are taken back only while they are the newest, and take nothing along that they did not bring', async () => {
    const first = await deploy(shop());
    expect(first).toMatchObject({ version: 1, previousVersion: 0 });
    expect(await deploy(shop())).toMatchObject({ version: 1, previousVersion: 1 });
    await deploy(withMore());
    await deploy(shop());
    const failed = shop({ image: 'hello:3' });
    const third = await deploy({ ...failed, services: [...failed.services, serviceSpec('shop_new')] });
    expect(third).toMatchObject({ version: 4, previousVersion: 3, leftOverServices: ['shop_more'] });
    await expect(rollback(3, false, 3)).rejects.toMatchObject({ code: 'CONFLICT' });
    expect(await rollback(3, false, 4)).toMatchObject({ version: 3 });
    await waitFor(() => expect(tasks('shop_new')).toEqual([]));
    expect(running('shop_more')).toHaveLength(1);
  });

  it('say what the stack is, also when only a part of it was deployed', async () => {
    const whole = withMore();
    const more = (image: string) => ({ ...whole, services: [serviceSpec('shop_more', { image })] });
    const moreRuns = (image: string) =>
      waitFor(() => expect(running('shop_more').map((task) => task.spec?.container?.image)).toEqual([image]));
    await deploy(more('hello:1'));
    await deploy(whole);
    await moreRuns('hello:latest');
    expect(await deploy(more('hello:1'))).toMatchObject({ version: 3 });
    await moreRuns('hello:1');
    // A part that is as it was, is no new version.
    expect(await deploy({ ...whole, services: whole.services.slice(0, 1) })).toMatchObject({ version: 3 });
    expect(await history()).toEqual(['3 <0> more,front,back,store', '2 <0> more,front,back,store', '1 <0> more']);
    expect(await rollback(2)).toMatchObject({ version: 2 });
    await moreRuns('hello:latest');
    await shopRuns();
    await unary((done) => manager.client.serviceRemove({ references: ['shop_more'] }, done));
    await deploy(shop());
    expect((await history())[0]).toBe('5 <0> front,back,store');
  });

  it('are ten at most, and go with the stack', async () => {
    for (let number = 1; number <= 12; number += 1) await deploy(shop({ image: `hello:${number}` }));
    expect((await history()).map((line) => line.split(' ')[0])).toEqual([
      '12',
      '11',
      '10',
      '9',
      '8',
      '7',
      '6',
      '5',
      '4',
      '3',
    ]);
    await expect(rollback(2)).rejects.toMatchObject({
      code: 'NOT_FOUND',
      message: 'stack shop has no version 2',
      hint: '"gantry stack history shop" lists those that are kept: 3 to 12',
    });
    await unary((done) => manager.client.stackRemove({ name: 'shop' }, done));
    await expect(history()).rejects.toMatchObject({ code: 'NOT_FOUND', message: 'no version of stack shop is kept' });
  });

  it('say when there is none to go back to', async () => {
    await deploy(shop());
    await expect(rollback(0)).rejects.toMatchObject({
      message: 'stack shop has only version 1: there is none before it',
    });
  });
});
