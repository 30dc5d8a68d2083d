import { describe, expect, it } from 'vitest';
import { GantryError } from '../../proto/errors.ts';
import { BlobSources } from './blob-sources.ts';
import { RegistryRefusal } from './refusal.ts';

interface Source {
  readonly name: string;
  readonly isBringing: boolean;
}

const complete = (name: string): Source => ({ name, isBringing: false });
const bringing = (name: string): Source => ({ name, isBringing: true });
const ORIGIN = complete('origin');

const refusal = (status: number) =>
  new RegistryRefusal('blob', { status, codes: [], reason: 'not here', retryAfterMs: 1000 });

/** Who was asked, in turn, and for how long it was waited; `answer` throws what the source says instead of the blob. */
async function ask(sources: readonly Source[], answer: (source: Source, times: number) => void) {
  const asked: string[] = [];
  let waitedMs = 0;
  const sleep = async (ms: number) => {
    waitedMs += ms;
  };
  const clock = { now: () => 0, chance: () => 0, sleep };
  const receive = async (source: Source) => {
    asked.push(source.name);
    answer(source, asked.filter((name) => name === source.name).length);
  };
  const error = await new BlobSources(sources, clock).each(receive, new AbortController().signal).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  return { asked, waitedMs, error };
}

describe('the sources of a blob', () => {
  it('are asked one after the other', async () => {
    const { asked, waitedMs } = await ask([complete('a'), complete('b'), ORIGIN], ({ name }) => {
      if (name !== 'b') throw refusal(404);
    });
    expect({ asked, waitedMs }).toEqual({ asked: ['a', 'b'], waitedMs: 0 });
  });

  it('are waited for where they are just bringing it', async () => {
    const { asked, waitedMs } = await ask([bringing('a'), ORIGIN], (_source, times) => {
      if (times < 3) throw refusal(503);
    });
    expect({ asked, waitedMs }).toEqual({ asked: ['a', 'a', 'a'], waitedMs: 2000 });
  });

  it('are not waited for where they were said to have it: they may have lost it, and wait for this node', async () => {
    const { asked, waitedMs } = await ask([complete('a'), ORIGIN], ({ name }) => {
      if (name === 'a') throw refusal(503);
    });
    expect({ asked, waitedMs }).toEqual({ asked: ['a', 'origin'], waitedMs: 0 });
  });

  it('are not asked in vain while the disk is full', async () => {
    const full = Object.assign(new Error('write'), { code: 'ENOSPC' });
    const failure = new GantryError('HOST', 'layer 1: no space left on device', { cause: full });
    const { asked, error } = await ask([complete('a'), complete('b'), ORIGIN], () => {
      throw failure;
    });
    expect({ asked, error }).toEqual({ asked: ['a'], error: failure });
  });
});
