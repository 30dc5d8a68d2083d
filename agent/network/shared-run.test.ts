import { describe, expect, it } from 'vitest';
import { SharedRun } from './shared-run.ts';

describe('a shared run', () => {
  it('begins after each request, and once for all that came while another was under way', async () => {
    let wanted = 'a';
    const seen: string[] = [];
    const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const run = new SharedRun(async () => {
      seen.push(wanted);
      await gates[seen.length - 1]?.promise;
    });
    const first = run.request();
    await Promise.resolve().then(() => undefined);
    wanted = 'b';
    const second = run.request();
    wanted = 'c';
    const third = run.request();
    gates[0]?.resolve();
    await first;
    gates[1]?.resolve();
    await Promise.all([second, third]);
    expect(seen).toEqual(['a', 'c']);
  });

  it('fails for those who asked for it, and not for those who come after', async () => {
    const failures = [new Error('refused')];
    const run = new SharedRun(async () => {
      const failure = failures.pop();
      if (failure !== undefined) throw failure;
    });
    await expect(run.request()).rejects.toThrow('refused');
    await run.request();
  });
});
