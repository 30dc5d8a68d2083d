import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { withCdiGpus } from './cdi-gpus.ts';

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'gantry-cdi-'));
});

afterEach(() => rmSync(directory, { recursive: true }));

function describeDevices(kind: string, names: readonly string[]): void {
  const containerEdits = { deviceNodes: [{ path: '/dev/null' }] };
  const devices = names.map((name) => ({ name, containerEdits }));
  writeFileSync(
    join(directory, `${kind.replace('/', '-')}.json`),
    JSON.stringify({ cdiVersion: '0.6.0', kind, devices }),
  );
}

describe('GPUs of CDI files', () => {
  it('are units of the host, each once, beside what it announces itself', () => {
    describeDevices('nvidia.com/gpu', ['0', '1', 'GPU-5c1b', 'all']);
    describeDevices('vendor.com/net', ['0']);
    const ssd = { kind: 'ssd', names: [], count: 2 };
    const gpus = { kind: 'gpu', names: ['nvidia.com/gpu=0', 'nvidia.com/gpu=1'], count: 0 };
    expect(withCdiGpus([ssd], [directory])).toEqual([ssd, gpus]);
  });

  it('are what the host says, where it says so itself', () => {
    describeDevices('nvidia.com/gpu', ['0', '1']);
    const own = { kind: 'gpu', names: ['nvidia.com/gpu=1'], count: 0 };
    expect(withCdiGpus([own], [directory])).toEqual([own]);
  });

  it('are none where no file describes any', () => {
    expect(withCdiGpus([], [directory, join(directory, 'missing')])).toEqual([]);
  });
});
