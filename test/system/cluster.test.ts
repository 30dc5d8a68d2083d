/** A cluster of three managers and five workers as its users see it, theme by theme. */
import { beforeAll } from 'vitest';
import { faults } from './cluster/faults.ts';
import { orchestration } from './cluster/orchestration.ts';
import { placement } from './cluster/placement.ts';
import { TestCluster } from './cluster/test-cluster.ts';

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await TestCluster.form();
  return () => cluster.destroy();
});

placement(() => cluster);
orchestration(() => cluster);
faults(() => cluster);
