import { afterAll, beforeAll, describe, vi } from 'vitest';
import { replicatedLogClusterSuite, replicatedLogSuite } from '../replicated-log.suite.ts';
import { EtcdFixture, testOptions } from './etcd-log.testing.ts';
import { ETCD_PROGRAM, EtcdServers } from './etcd-server.testing.ts';
import { openEtcdLog } from './open.ts';

describe.skipIf(ETCD_PROGRAM === undefined)('the log in etcd', () => {
  let etcd: EtcdServers;
  beforeAll(async () => {
    etcd = await EtcdServers.start();
  });
  afterAll(() => etcd.stop());

  replicatedLogSuite('openEtcdLog', (state) =>
    openEtcdLog({ ...testOptions(etcd.store(), 'node1', state), leaseSeconds: 10 }),
  );
  replicatedLogClusterSuite('openEtcdLog', () => Promise.resolve(new EtcdFixture(etcd)));
});

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });
