import { beforeEach, describe, expect, it } from 'vitest';
import { GantryError } from '../../proto/errors.ts';
import { ReadBarriers } from './read-barriers.ts';

let asked: string[];
let barriers: ReadBarriers;
beforeEach(() => {
  asked = [];
  barriers = new ReadBarriers({
    prefix: 'n1',
    ask: (context) => asked.push(context),
    explain: () => new GantryError('UNAVAILABLE', 'nobody answers'),
  });
});

const turn = () => new Promise((done) => setImmediate(done));

async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  const pending = Symbol('pending');
  return (await Promise.race([promise.then(() => true), turn().then(() => pending)])) !== pending;
}

describe('ReadBarriers', () => {
  it('asks once for all that come together, and resolves when that much is applied', async () => {
    const readers = [barriers.add(), barriers.add()];
    await turn();
    expect(asked).toEqual(['n1-1']);
    barriers.answered('n1-1', 5);
    barriers.applied(4);
    expect(await isSettled(Promise.all(readers))).toBe(false);
    barriers.applied(5);
    await Promise.all(readers);
  });

  it('asks anew for those that come while a question is under way: they may have seen more', async () => {
    const first = barriers.add();
    await turn();
    const second = barriers.add();
    await turn();
    expect(asked).toEqual(['n1-1']);
    barriers.applied(9);
    barriers.answered('n1-1', 5);
    await first;
    expect(await isSettled(second)).toBe(false);
    expect(asked).toEqual(['n1-1', 'n1-2']);
    barriers.answered('n1-2', 9);
    await second;
  });

  it('asks again when the answer does not come, and gives up in the end', async () => {
    const reader = barriers.add();
    await turn();
    for (let ticks = 0; ticks < 5; ticks += 1) barriers.tick();
    expect(asked).toEqual(['n1-1', 'n1-1']);
    const rejected = expect(reader).rejects.toMatchObject({ message: 'nobody answers' });
    for (let ticks = 0; ticks < 45; ticks += 1) barriers.tick();
    await rejected;
  });

  it('takes no notice of answers to questions of others, or of earlier ones', async () => {
    const reader = barriers.add();
    await turn();
    barriers.applied(9);
    barriers.answered('n2-1', 1);
    barriers.answered('n1-0', 1);
    expect(await isSettled(reader)).toBe(false);
    barriers.answered('n1-1', 1);
    await reader;
  });
});
