import { describe, expect, it } from 'vitest';
import { planBuild } from './build-plan.ts';
import { parseDockerfile } from './dockerfile.ts';
import { StageGraph } from './stage-graph.ts';

const PLATFORM = { os: 'linux', architecture: 'amd64' };
const plan = (text: string) =>
  planBuild(parseDockerfile(text, 'Dockerfile'), {
    ...{ target: '', args: {}, platform: PLATFORM, contexts: new Map(), targetPlatform: undefined },
  });
const TWO = plan(
  'FROM a AS one\nFROM b AS two\nFROM c AS unused\nFROM scratch\nCOPY --from=one / /\nCOPY --from=two / /',
);

describe('stages', () => {
  it('that do not wait for each other are built at once, and those not needed never', async () => {
    const begun: number[] = [];
    const both = Promise.withResolvers<void>();
    const graph: StageGraph<number> = new StageGraph(TWO, async ({ index }) => {
      begun.push(index);
      if (begun.includes(0) && begun.includes(1)) both.resolve();
      await both.promise;
      if (index === 3) await Promise.all([graph.state(0), graph.state(1)]);
      return index;
    });
    expect(await graph.run(() => undefined)).toBe(3);
    expect(begun.sort((a, b) => a - b)).toEqual([0, 1, 3]);
  });

  it('are ended when one fails, whose error is the one that is told', async () => {
    const cancelled = Promise.withResolvers<void>();
    const ended: number[] = [];
    const graph: StageGraph<number> = new StageGraph(TWO, async ({ index }) => {
      if (index === 1) throw new Error('two failed');
      await cancelled.promise;
      ended.push(index);
      throw new Error('cancelled');
    });
    await expect(graph.run(() => cancelled.resolve())).rejects.toThrow('two failed');
    expect(ended.sort((a, b) => a - b)).toEqual([0, 3]);
  });
});
