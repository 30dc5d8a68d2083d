import { afterAll, beforeAll, describe, vi } from 'vitest';
import { replicatedLogClusterSuite, replicatedLogSuite } from '../replicated-log.suite.ts';
import { EtcdFixture } from './etcd-log.testing.ts';
import { ETCD_PROGRAM, EtcdServers } from './etcd-server.testing.ts';

describe.skipIf(ETCD_PROGRAM === undefined)('the log in etcd', () => {
  let etcd: EtcdServers;
  beforeAll(async () => {
    etcd = await EtcdServers.start();
  });
  afterAll(() => etcd.stop());

  const newFixture = () => Promise.resolve(new EtcdFixture(etcd));
  replicatedLogSuite('openEtcdLog', newFixture);
  replicatedLogClusterSuite('openEtcdLog', newFixture);
});

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });
