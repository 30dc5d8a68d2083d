/** The order that vitest starts files in: those that take longest first, so that none of them runs on alone at the end. */
import { relative } from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** More than half a minute each where everything runs. Of others the largest come first, which is near enough. */
const SLOWEST: readonly string[] = [
  'agent/cluster/disaster.test.ts',
  'manager/replication/raft-conformance.test.ts',
  'manager/replication/etcd/etcd-log.test.ts',
  'manager/replication/etcd/processes.test.ts',
  'agent/network/engine.test.ts',
  'agent/cluster/joining.test.ts',
  'manager/replication/raft-driver.test.ts',
  'test/system/cluster.test.ts',
  'test/chaos/chaos.test.ts',
  'test/system/deploy-interrupted.test.ts',
  'test/system/disaster.test.ts',
  'test/system/join.test.ts',
  'test/system/network-doctor.test.ts',
  'test/system/service-images.test.ts',
  'test/system/built-services.test.ts',
  'test/system/attached-names.test.ts',
  'test/system/lab.test.ts',
  'test/system/ca-rotation.test.ts',
];

export class SlowestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    return sorted.toSorted((one, other) => this.#rank(one) - this.#rank(other));
  }

  #rank({ moduleId }: TestSpecification): number {
    const place = SLOWEST.indexOf(relative(this.ctx.config.root, moduleId));
    return place === -1 ? SLOWEST.length : place;
  }
}
