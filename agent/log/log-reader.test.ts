import { appendFileSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { LogLine } from '../../proto/generated/gantry/v1/engine.ts';
import type { LogQuery } from '../container/containers.ts';
import { readLogs } from './log-reader.ts';

const ALL: LogQuery = { follow: false, tail: undefined, sinceMs: 0, untilMs: 0 };
const NEVER = new Promise<void>(() => undefined);
const EPOCH = Date.parse('2024-05-06T07:08:09Z');

let directory: string;
let path: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'gantry-log-'));
  path = join(directory, 'log');
});

afterEach(() => rmSync(directory, { recursive: true }));

/** `second` after EPOCH. */
function record(data: string, { second = 0, stream = 'stdout', tag = 'F' } = {}): string {
  const date = new Date(EPOCH + second * 1000).toISOString().slice(0, 19);
  return `${date}.123456789Z ${stream} ${tag} ${data}\n`;
}

async function collect(lines: AsyncIterable<LogLine>): Promise<string[]> {
  const texts: string[] = [];
  for await (const { data } of lines) texts.push(Buffer.from(data).toString());
  return texts;
}

function read(query: Partial<LogQuery> = {}): Promise<string[]> {
  return collect(readLogs(path, { ...ALL, ...query }, Promise.resolve(), new AbortController().signal));
}

/** A reader that follows, and the lines that it has got. */
function follow(query: Partial<LogQuery> = {}) {
  const end = Promise.withResolvers<void>();
  const abort = new AbortController();
  const lines = readLogs(path, { ...ALL, ...query, follow: true }, end.promise, abort.signal);
  const next = async (): Promise<string | undefined> => {
    const { value, done } = await lines.next();
    return done === true ? undefined : Buffer.from(value.data).toString();
  };
  return { next, end: end.resolve, abort: () => abort.abort(), close: () => lines.return(undefined) };
}

describe('readLogs', () => {
  it('gives time, stream and text of each line', async () => {
    writeFileSync(path, record('out') + record('err', { stream: 'stderr', second: 1 }));
    const lines: LogLine[] = [];
    for await (const line of readLogs(path, ALL, NEVER, new AbortController().signal)) lines.push(line);
    expect(lines).toEqual([
      { timestampNs: `${EPOCH / 1000}123456789`, stream: 1, data: Buffer.from('out\n') },
      { timestampNs: `${EPOCH / 1000 + 1}123456789`, stream: 2, data: Buffer.from('err\n') },
    ]);
  });

  it('puts parts together, each stream by itself', async () => {
    writeFileSync(
      path,
      record('one ', { tag: 'P' }) +
        record('other', { stream: 'stderr' }) +
        record('line') +
        record('open', { tag: 'P' }),
    );
    expect(await read()).toEqual(['other\n', 'one line\n', 'open']);
  });

  it('reads turned-over files first, and lines that go over from one to the next', async () => {
    writeFileSync(`${path}.2`, record('a'));
    writeFileSync(`${path}.1`, record('b') + record('c1 ', { tag: 'P' }));
    writeFileSync(path, record('c2') + record('d'));
    expect(await read()).toEqual(['a\n', 'b\n', 'c1 c2\n', 'd\n']);
  });

  it('skips what is no record', async () => {
    writeFileSync(
      path,
      `${record('a')}2024-05-06T07:0\n\nnonsense that is long enough to be a record of the log\n${record('b')}2024`,
    );
    expect(await read()).toEqual(['a\n', 'b\n']);
  });

  it('is empty while there is no log', async () => {
    expect(await read()).toEqual([]);
  });

  it('keeps to since and until, both inclusive', async () => {
    writeFileSync(path, [0, 1, 2, 3].map((second) => record(`${second}`, { second })).join(''));
    const sinceMs = EPOCH + 1123;
    expect(await read({ sinceMs })).toEqual(['1\n', '2\n', '3\n']);
    expect(await read({ untilMs: EPOCH + 2500 })).toEqual(['0\n', '1\n', '2\n']);
    expect(await read({ sinceMs, untilMs: EPOCH + 2124 })).toEqual(['1\n', '2\n']);
  });

  it('gives the last lines, over files and parts', async () => {
    writeFileSync(`${path}.1`, record('a') + record('b') + record('c1 ', { tag: 'P' }));
    writeFileSync(path, record('c2') + record('d') + record('open', { tag: 'P' }));
    expect(await read({ tail: 0 })).toEqual([]);
    expect(await read({ tail: 1 })).toEqual(['open']);
    expect(await read({ tail: 3 })).toEqual(['c1 c2\n', 'd\n', 'open']);
    expect(await read({ tail: 4 })).toEqual(['b\n', 'c1 c2\n', 'd\n', 'open']);
    expect(await read({ tail: 100 })).toEqual(['a\n', 'b\n', 'c1 c2\n', 'd\n', 'open']);
  });

  it('finds any tail of any log', async () => {
    const lines = fc.array(fc.integer({ min: 0, max: 40_000 }), { maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(lines, fc.nat(14), async (lengths, tail) => {
        const texts = lengths.map((length, i) => `${i}${'x'.repeat(length)}`);
        const parts = texts.flatMap((text) => {
          const first = text.slice(0, 16384);
          return text.length > 16384 ? record(first, { tag: 'P' }) + record(text.slice(16384)) : record(text);
        });
        writeFileSync(path, parts.join(''));
        const wanted = tail === 0 ? [] : texts.slice(-tail).map((text) => `${text}\n`);
        expect(await read({ tail })).toEqual(wanted);
      }),
      { numRuns: 60, seed: 1 },
    );
  });
});

describe('readLogs, following', () => {
  it('gives lines as they come, until the container has ended', async () => {
    writeFileSync(path, record('a'));
    const reader = follow();
    expect(await reader.next()).toBe('a\n');
    const waiting = reader.next();
    appendFileSync(path, record('b'));
    expect(await waiting).toBe('b\n');
    appendFileSync(path, record('c') + record('open', { tag: 'P' }));
    reader.end();
    expect(await reader.next()).toBe('c\n');
    expect(await reader.next()).toBe('open');
    expect(await reader.next()).toBeUndefined();
  });

  it('waits for a log that is not there yet', async () => {
    const reader = follow();
    const waiting = reader.next();
    writeFileSync(path, record('a'));
    expect(await waiting).toBe('a\n');
    await reader.close();
  });

  it('gives only what is new with a tail of 0', async () => {
    writeFileSync(path, record('a'));
    const reader = follow({ tail: 0 });
    const waiting = reader.next();
    // Whenever it has found the end, one of these comes after it.
    const timer = setInterval(() => appendFileSync(path, record('b')), 5);
    expect(await waiting).toBe('b\n');
    clearInterval(timer);
    await reader.close();
  });

  it('loses nothing when the log is turned over again and again', async () => {
    const reader = follow();
    let expected = 0;
    for (let round = 0; round < 20; round++) {
      appendFileSync(path, record(`${round}a`));
      renameIfThere(`${path}.1`, `${path}.2`);
      renameSync(path, `${path}.1`);
      writeFileSync(path, record(`${round}b`));
      // Not after each round: sometimes two turn-overs come at once.
      if (round % 2 === 0) continue;
      for (; expected <= round; expected++) {
        expect(await reader.next()).toBe(`${expected}a\n`);
        expect(await reader.next()).toBe(`${expected}b\n`);
      }
    }
    await reader.close();
  });

  function renameIfThere(from: string, to: string): void {
    try {
      renameSync(from, to);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }

  it('stops when aborted', async () => {
    writeFileSync(path, record('a'));
    const reader = follow();
    expect(await reader.next()).toBe('a\n');
    const waiting = reader.next();
    reader.abort();
    expect(await waiting).toBeUndefined();
  });

  it('stops behind until', async () => {
    const reader = follow({ untilMs: EPOCH + 1500 });
    writeFileSync(path, record('a') + record('b', { second: 2 }));
    expect(await reader.next()).toBe('a\n');
    expect(await reader.next()).toBeUndefined();
  });
});
