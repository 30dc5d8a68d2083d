import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { Hook } from '../../proto/generated/gantry/v1/types.ts';
import type { ExitRecord, Shim } from '../shim/shims.ts';
import type { Run } from './container-entry.ts';
import { runPreStop } from './pre-stop.ts';

const hooks = ['one', 'two', 'three'].map((name) => Hook.fromPartial({ argv: [name] }));
const logger = pino({ level: 'silent' });
const newRun = (): Run => ({ shim: {} as Shim, ended: Promise.withResolvers<ExitRecord>() });
const EXIT: ExitRecord = { code: 0, oomKilled: false, finishedAtMs: 0 };

/** What runs until it is aborted. */
function aborted(signal: AbortSignal): Promise<{ code: number; output: string }> {
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve({ code: 137, output: '' })));
}

describe('pre_stop hooks', () => {
  it('run one after the other, whether or not they succeed', async () => {
    const ran: string[] = [];
    const runHook = async ({ argv: [name = ''] }: Hook) => {
      ran.push(name);
      if (name === 'two') throw new Error('no such file');
      return { code: 1, output: '' };
    };
    await runPreStop({ hooks, run: newRun(), graceMs: -1, runHook, logger });
    expect(ran).toEqual(['one', 'two', 'three']);
  });

  it('are broken off when the time is over', async () => {
    let ran = 0;
    const runHook = (_hook: Hook, signal: AbortSignal) => {
      ran += 1;
      return aborted(signal);
    };
    await runPreStop({ hooks, run: newRun(), graceMs: 10, runHook, logger });
    expect(ran).toBe(1);
    await runPreStop({ hooks, run: newRun(), graceMs: 0, runHook, logger });
    expect(ran).toBe(1);
  });

  it('are broken off when the container ends', async () => {
    const run = newRun();
    const runHook = (_hook: Hook, signal: AbortSignal) => {
      run.ended.resolve(EXIT);
      return aborted(signal);
    };
    await runPreStop({ hooks, run, graceMs: -1, runHook, logger });
  });
});
