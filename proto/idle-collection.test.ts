import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { isWorthCollecting } from './idle-collection.ts';

const MIB = 1024 * 1024;

it('collects where it is quiet and there is something to be had, but no heap that takes long', () => {
  const grown = { utilization: 0.02, usedBytes: 70 * MIB, heapBytes: 40 * MIB, keptBytes: 60 * MIB, restLooks: 1 };
  expect(isWorthCollecting(grown)).toBe(true);
  expect(isWorthCollecting({ ...grown, keptBytes: 0 })).toBe(true);
  expect(isWorthCollecting({ ...grown, utilization: 0.5 })).toBe(false);
  expect(isWorthCollecting({ ...grown, keptBytes: 69 * MIB })).toBe(false);
  expect(isWorthCollecting({ ...grown, heapBytes: 300 * MIB })).toBe(false);
});

it('collects once more when work has ended for a while, however little it has left', () => {
  const small = { utilization: 0.02, usedBytes: 41 * MIB, heapBytes: 40 * MIB, keptBytes: 60 * MIB, restLooks: 1 };
  expect(isWorthCollecting(small)).toBe(false);
  expect(isWorthCollecting({ ...small, restLooks: 2 })).toBe(true);
  expect(isWorthCollecting({ ...small, restLooks: 2, utilization: 0.5 })).toBe(false);
});

/** In a process of its own: the heap of the tests' may be too large for it. */
const PROGRAM = `
import { collectWhenQuiet } from '${new URL('idle-collection.ts', import.meta.url)}';
const made = () => new WeakRef({ large: Array.from({ length: 100_000 }, (_, number) => ({ number })) });
const seen = made();
const collecting = collectWhenQuiet(20);
const look = setInterval(() => {
  if (seen.deref() !== undefined) return;
  clearInterval(look);
  collecting.stop();
  console.log('freed');
}, 20);
`;

it('frees what nobody holds any more', async () => {
  const flags = ['--input-type=module', '--no-warnings', '--eval', PROGRAM];
  const { stdout } = await promisify(execFile)(process.execPath, flags, { timeout: 30_000 });
  expect(stdout).toBe('freed\n');
});
