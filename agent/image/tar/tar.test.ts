import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GantryError } from '../../../proto/errors.ts';
import { makeTar, type TestEntry } from '../testing/fixtures.ts';
import { TarDecoder, type TarEvent } from './decoder.ts';
import type { TarHeader } from './header.ts';

interface ReadEntry extends TarHeader {
  readonly data: string;
}

function read(tar: Buffer, pieceSize = tar.length): ReadEntry[] {
  const decoder = new TarDecoder();
  const events: TarEvent[] = [];
  for (let offset = 0; offset < tar.length; offset += pieceSize)
    events.push(...decoder.push(tar.subarray(offset, offset + pieceSize)));
  decoder.finish();
  const entries: ReadEntry[] = [];
  for (const event of events) {
    const last = entries.at(-1);
    if (event.kind === 'entry') entries.push({ ...event.header, data: '' });
    else if (event.kind === 'data' && last !== undefined)
      entries[entries.length - 1] = { ...last, data: last.data + event.data.toString() };
  }
  return entries;
}

describe('tar', () => {
  it('gives back what it was given', () => {
    const entries: TestEntry[] = [
      { name: 'dir/' },
      { name: 'dir/file', data: 'content', mode: 0o4755, uid: 1000, gid: 33 },
      { name: 'link', type: 'symlink', linkName: 'dir/file' },
      { name: 'hard', type: 'link', linkName: 'dir/file' },
      { name: 'null', type: 'character', deviceMajor: 1, deviceMinor: 3 },
      { name: 'pipe', type: 'fifo' },
    ];
    const found = read(makeTar(entries), 100);
    expect(found.map(({ name, type }) => [name, type])).toEqual([
      ['dir/', 'directory'],
      ['dir/file', 'file'],
      ['link', 'symlink'],
      ['hard', 'link'],
      ['null', 'character'],
      ['pipe', 'fifo'],
    ]);
    expect(found[1]).toMatchObject({ data: 'content', mode: 0o4755, uid: 1000, gid: 33, mtime: 1_600_000_000 });
    expect(found[4]).toMatchObject({ deviceMajor: 1, deviceMinor: 3 });
  });

  it('keeps long names, other scripts, large ids and binary xattrs', () => {
    const capability = Buffer.from([1, 0, 0, 2, 0x80, 0xff, 0, 0, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    const name = `${'d'.repeat(90)}/${'f'.repeat(200)}/été`;
    const [entry] = read(
      makeTar([
        { name, linkName: '', data: 'x', uid: 4_000_000, xattrs: new Map([['security.capability', capability]]) },
      ]),
      7,
    );
    expect(entry).toMatchObject({ name, uid: 4_000_000, data: 'x' });
    expect(entry?.xattrs.get('security.capability')).toEqual(capability);
  });

  it('reads any entries in pieces of any size', () => {
    const name = fc
      .string({ unit: 'grapheme', minLength: 1, maxLength: 150 })
      .filter((text) => !/[\0/]/.test(text) && text.trim() !== '');
    const entry = fc.record({ name, data: fc.string({ maxLength: 1500 }), uid: fc.nat(), mode: fc.nat(0o7777) });
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 5 }), fc.integer({ min: 1, max: 2000 }), (entries, pieceSize) => {
        const found = read(makeTar(entries), pieceSize).map(({ name, data, uid, mode }) => ({ name, data, uid, mode }));
        expect(found).toEqual(entries);
      }),
      { numRuns: 200, seed: 1 },
    );
  });

  it('refuses noise with an error of its own and never loops', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 3000 }), (bytes) => {
        try {
          read(Buffer.from(bytes));
        } catch (error) {
          expect(error).toBeInstanceOf(GantryError);
        }
      }),
      { numRuns: 500, seed: 2 },
    );
  });

  it('refuses damage anywhere in a header with an error of its own', () => {
    const tar = makeTar([{ name: 'a/b', data: 'x', xattrs: new Map([['user.a', Buffer.from('b')]]) }]);
    fc.assert(
      fc.property(fc.nat(tar.length - 1), fc.nat(255), (position, value) => {
        const damaged = Buffer.from(tar);
        damaged[position] = value;
        try {
          read(damaged);
        } catch (error) {
          expect(error).toBeInstanceOf(GantryError);
        }
      }),
      { numRuns: 2000, seed: 3 },
    );
  });

  it('says when an archive was cut off', () => {
    const tar = makeTar([{ name: 'file', data: 'x'.repeat(5000) }]);
    expect(() => read(tar.subarray(0, 3000))).toThrow(/ends in the middle/);
    expect(read(tar.subarray(0, 512 + 5120))).toHaveLength(1);
  });

  it('reads sizes beyond 8 GiB', () => {
    const decoder = new TarDecoder();
    const size = 9 * 2 ** 30;
    const header = makeTar([{ name: 'big' }]).subarray(0, 512);
    // GNU's base-256 form.
    header.fill(0, 124, 136);
    header[124] = 0x80;
    header.writeBigUInt64BE(BigInt(size), 128);
    const sum = [...header].reduce((total, byte, index) => total + (index >= 148 && index < 156 ? 32 : byte), 0);
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
    expect(decoder.push(header)).toMatchObject([{ kind: 'entry', header: { size } }]);
  });
});
