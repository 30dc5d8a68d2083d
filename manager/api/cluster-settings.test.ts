/** What of a cluster is set by its users. */
import { expect, it } from 'vitest';
import { unary } from '../../proto/client.ts';
import type { ClusterInspectResponse, ClusterUpdateRequest } from '../../proto/generated/gantry/v1/control.ts';
import { PlacementStrategy } from '../../proto/generated/gantry/v1/types.ts';
import { manager, useManager } from '../manager-fixture.testing.ts';

useManager();

const update = (request: ClusterUpdateRequest) => unary((done) => manager.client.clusterUpdate(request, done));
const spec = async () =>
  (await unary<ClusterInspectResponse>((done) => manager.client.clusterInspect({}, done))).cluster?.spec;

it('the strategy of a cluster is spread until somebody says otherwise, and keeps to what can be', async () => {
  expect(await spec()).toMatchObject({ strategy: PlacementStrategy.UNSPECIFIED, taskHistoryLimit: 5 });
  await update({ strategy: PlacementStrategy.BINPACK });
  await update({ taskHistoryLimit: 3 });
  expect(await spec()).toMatchObject({ strategy: PlacementStrategy.BINPACK, taskHistoryLimit: 3 });
  await expect(update({ strategy: 9 as PlacementStrategy })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  expect(await spec()).toMatchObject({ strategy: PlacementStrategy.BINPACK });
});
