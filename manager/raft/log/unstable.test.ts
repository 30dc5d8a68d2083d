import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Entry, Snapshot } from '../message.ts';
import { NO_CONFIGURATION } from '../message.ts';
import { Unstable } from './unstable.ts';

function entries(from: number, ...terms: number[]): Entry[] {
  return terms.map((term, position) => ({ kind: 'normal', term, index: from + position, data: new Uint8Array() }));
}

function snapshot(index: number, term: number): Snapshot {
  return { index, term, configuration: NO_CONFIGURATION, data: new Uint8Array() };
}

function texts(list: readonly Entry[]): string[] {
  return list.map(({ term, index }) => `${term}/${index}`);
}

describe('entries that are not on disk', () => {
  it('are handed out once, and stay until they are written', () => {
    const unstable = new Unstable(5);
    unstable.append(entries(5, 1, 1));
    expect(texts(unstable.entriesToWrite())).toEqual(['1/5', '1/6']);
    unstable.handOut();
    unstable.append(entries(7, 1));
    expect(texts(unstable.entriesToWrite())).toEqual(['1/7']);
    expect(unstable.lastIndex()).toBe(7);
    unstable.stableTo(6, 1);
    expect(unstable).toMatchObject({ offset: 7, size: 1 });
    expect(texts(unstable.entriesToWrite())).toEqual(['1/7']);
  });

  it('are handed out again where they are replaced', () => {
    const unstable = new Unstable(5);
    unstable.append(entries(5, 1, 1, 1));
    unstable.handOut();
    unstable.append(entries(6, 2));
    expect(texts(unstable.entries)).toEqual(['1/5', '2/6']);
    expect(texts(unstable.entriesToWrite())).toEqual(['2/6']);
  });

  it('are not taken for written where others have replaced them since', () => {
    const unstable = new Unstable(5);
    unstable.append(entries(5, 1));
    unstable.handOut();
    unstable.append(entries(5, 2));
    unstable.stableTo(5, 1);
    expect(texts(unstable.entries)).toEqual(['2/5']);
  });

  it('may begin before what was on disk', () => {
    const unstable = new Unstable(9);
    unstable.append(entries(6, 3, 3));
    expect(unstable).toMatchObject({ offset: 6, size: 2 });
    expect(unstable.lastIndex()).toBe(7);
  });

  it('do not change in the hands of whoever got them', () => {
    const unstable = new Unstable(1);
    unstable.append(entries(1, 1, 1, 1));
    const handed = unstable.entriesToWrite();
    unstable.append(entries(2, 2));
    expect(texts(handed)).toEqual(['1/1', '1/2', '1/3']);
  });
});

describe('a snapshot that is not on disk', () => {
  it('replaces all entries, and is handed out once', () => {
    const unstable = new Unstable(5);
    unstable.append(entries(5, 1, 1));
    unstable.restore(snapshot(20, 3));
    expect(unstable).toMatchObject({ offset: 21, size: 0 });
    expect(unstable.lastIndex()).toBe(20);
    expect(unstable.term(20)).toBe(3);
    expect(unstable.snapshotToWrite?.index).toBe(20);
    unstable.handOut();
    expect(unstable.snapshotToWrite).toBeUndefined();
    expect(unstable.snapshot?.index).toBe(20);
    unstable.snapshotStable(19);
    expect(unstable.snapshot?.index).toBe(20);
    unstable.snapshotStable(20);
    expect(unstable.snapshot).toBeUndefined();
  });
});

/** Appends at `back` entries before the end, hands out, or hears that the first `written` are on disk. */
const anyStep = fc.oneof(
  fc.record({ append: fc.nat(3), back: fc.nat(3) }),
  fc.record({ handOut: fc.constant(true) }),
  fc.record({ written: fc.nat(3) }),
);

describe('any row of appends and writes', () => {
  it('hands out every entry that is not replaced before, and no other', () => {
    fc.assert(
      fc.property(fc.array(anyStep, { maxLength: 60 }), (steps) => {
        const unstable = new Unstable(1);
        const log: Entry[] = [];
        const disk: Entry[] = [];
        for (const [term, step] of steps.entries()) {
          if ('append' in step) {
            // What is on disk for good isn't replaced here.
            const at = Math.max(unstable.offset, log.length + 1 - step.back);
            const added = entries(at, ...Array.from({ length: step.append }, () => term));
            if (added.length === 0) continue;
            log.splice(at - 1, log.length, ...added);
            unstable.append(added);
          } else if ('handOut' in step) {
            const handed = unstable.entriesToWrite();
            const [first] = handed;
            if (first !== undefined) disk.splice(first.index - 1, disk.length, ...handed);
            unstable.handOut();
            expect(texts(disk)).toEqual(texts(log));
          } else {
            const written = disk[unstable.offset - 1 + step.written];
            if (written !== undefined && texts(disk)[0] === texts(log)[0])
              unstable.stableTo(written.index, written.term);
          }
          expect(texts(unstable.entries)).toEqual(texts(log.slice(unstable.offset - 1)));
        }
      }),
    );
  });
});
