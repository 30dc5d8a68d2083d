/** The core against interaction traces in etcd's language: states and messages after each command. */
import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { firstDifference, scriptsIn } from './compare.testing.ts';

const SCENARIOS = join(import.meta.dirname, 'scenarios');
/** Of etcd-io/raft, Apache-2.0; reference data that isn't everywhere. */
const REFERENCE = join(import.meta.dirname, '../../../../shared/reference/raft-traces');

function traces(dir: string): [name: string, file: string][] {
  return existsSync(dir) ? scriptsIn(dir).map((file) => [basename(file), file]) : [];
}

describe('a scenario', () => {
  it.each(traces(SCENARIOS))('%s', (_, file) => expect(firstDifference(file)).toBeUndefined());
});

describe.skipIf(!existsSync(REFERENCE))('a trace of etcd (skipped where the reference data is not there)', () => {
  it.each(traces(REFERENCE))('%s', (_, file) => expect(firstDifference(file)).toBeUndefined());
});
