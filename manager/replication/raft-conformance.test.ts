import { vi } from 'vitest';
import { RaftFixture } from './raft-log.testing.ts';
import { replicatedLogClusterSuite } from './replicated-log.suite.ts';

replicatedLogClusterSuite('openReplicatedLog', () => Promise.resolve(new RaftFixture()));

vi.setConfig({ testTimeout: 60_000 });
