/** Archives that are meant to confuse a reader: numbers, names, extended headers and sparse files that can't be. */
import { execFileSync } from 'node:child_process';
import { closeSync, ftruncateSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GantryError } from '../../../proto/errors.ts';
import { makeTar } from '../testing/fixtures.ts';
import { FUZZ_TIMEOUT_MS, fuzz } from '../testing/fuzz.ts';
import { TarDecoder, type TarEvent } from './decoder.ts';
import { END_OF_ARCHIVE, padding } from './encoder.ts';
import { checksum, type TarHeader } from './header.ts';

interface RawEntry {
  readonly name?: string | Buffer;
  readonly typeflag?: string;
  readonly data?: Buffer;
  /** Bytes of the header block, by where they begin. */
  readonly fields?: Readonly<Record<number, Buffer>>;
}

const SIZE_AT = 124;
const MTIME_AT = 136;

/** An entry as bytes, its checksum right, and all else as it is wished. */
function raw({ name = 'f', typeflag = '0', data = Buffer.alloc(0), fields = {} }: RawEntry): Buffer {
  const block = Buffer.alloc(512);
  Buffer.from(name).copy(block, 0, 0, 100);
  block.write('0000644\0', 100);
  block.write('0000000\0', 108);
  block.write('0000000\0', 116);
  block.write(`${data.length.toString(8).padStart(11, '0')}\0`, SIZE_AT);
  block.write('00000000000\0', MTIME_AT);
  block.write(typeflag, 156, 'latin1');
  block.write('ustar\x0000', 257, 'latin1');
  for (const [at, bytes] of Object.entries(fields)) bytes.copy(block, Number(at));
  block.write(`${checksum(block).toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return Buffer.concat([block, data, padding(data.length)]);
}

const pax = (...records: readonly (string | Buffer)[]) =>
  raw({ typeflag: 'x', data: Buffer.concat(records.map((record) => Buffer.from(record))) });

/** One record with its right length. */
function record(key: string, value: string | Buffer): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), Buffer.from(value), Buffer.from('\n')]);
  let length = rest.length + 1;
  while (String(length).length + rest.length !== length) length++;
  return Buffer.concat([Buffer.from(String(length)), rest]);
}

interface Read {
  readonly header: TarHeader;
  readonly data: Buffer;
  /** How much of it came as holes. */
  readonly holes: number;
  readonly isWhole: boolean;
}

const LARGEST = 1 << 20;

function read(tar: Buffer, pieceSize = tar.length): Read[] {
  const decoder = new TarDecoder();
  const events: TarEvent[] = [];
  for (let offset = 0; offset < tar.length; offset += pieceSize) {
    for (const event of decoder.push(tar.subarray(offset, offset + pieceSize))) events.push(event);
  }
  decoder.finish();
  return gather(events);
}

function gather(events: readonly TarEvent[]): Read[] {
  const found: { header: TarHeader; chunks: Buffer[]; holes: number; isWhole: boolean }[] = [];
  for (const event of events) {
    const last = found.at(-1);
    if (event.kind === 'entry') found.push({ header: event.header, chunks: [], holes: 0, isWhole: false });
    else if (last === undefined || last.isWhole) throw new Error(`${event.kind} of no entry`);
    else if (event.kind === 'end') last.isWhole = true;
    else if (event.kind === 'data') last.chunks.push(event.data);
    else {
      last.chunks.push(Buffer.alloc(Math.min(event.size, LARGEST)));
      last.holes += event.size;
    }
  }
  return found.map(({ chunks, ...rest }) => ({ ...rest, data: Buffer.concat(chunks) }));
}

/** What a reader makes of it: entries, or an error of its own. */
function outcome(tar: Buffer, pieceSize?: number): readonly Read[] | string {
  try {
    return read(tar, pieceSize);
  } catch (error) {
    if (!(error instanceof GantryError)) throw error;
    return error.message;
  }
}

describe('a header', () => {
  const base256 = (value: bigint, bytes = 12) => {
    const field = Buffer.alloc(bytes);
    let rest = value & ((1n << BigInt(bytes * 8)) - 1n);
    for (let index = bytes - 1; index >= 0; index--, rest >>= 8n) field[index] = Number(rest & 0xffn);
    field[0] = (field[0] ?? 0) | 0x80;
    return field;
  };

  it.each<[string, Buffer, RegExp]>([
    ['a negative size', raw({ fields: { [SIZE_AT]: base256(-1n) } }), /negative size/],
    ['a size beyond what counts exactly', raw({ fields: { [SIZE_AT]: base256(1n << 60n) } }), /out of range/],
    ['a size that is text', raw({ fields: { [SIZE_AT]: Buffer.from('0x10\0') } }), /not a number/],
    ['a directory with data', raw({ name: 'd/', data: Buffer.from('x') }), /"d\/" is a directory by its name/],
    ['a type that there isn’t', raw({ typeflag: 'Z' }), /"f" has the type "Z", which is not supported/],
    ['a volume of several', raw({ typeflag: 'M' }), /multi-volume/],
  ])('with %s is refused', (_, tar, message) => {
    expect(outcome(Buffer.concat([tar, END_OF_ARCHIVE]))).toMatch(message);
  });

  it('may have times before 1970, and numbers in GNU’s form', () => {
    const fields = { [MTIME_AT]: base256(-86_400n), 108: base256(3_000_000n, 8) };
    expect(read(raw({ fields }))[0]?.header).toMatchObject({ mtime: -86_400, uid: 3_000_000 });
  });

  it('may be the last block: what comes behind the end is not looked at', () => {
    const tar = Buffer.concat([raw({ name: 'a' }), END_OF_ARCHIVE, Buffer.alloc(5000, 0xaa)]);
    expect(read(tar).map(({ header }) => header.name)).toEqual(['a']);
    expect(read(Buffer.concat([raw({ name: 'a' }), Buffer.alloc(512), raw({ name: 'b' })]))).toHaveLength(1);
  });
});

describe('an extended header', () => {
  it.each<[string, Buffer, RegExp]>([
    ['a length of nothing', pax('0 a=b\n'), /malformed PAX/],
    ['a length below itself', pax('2 a=b\n'), /malformed PAX/],
    ['a negative length', pax('6 a=b\n', '-6 a=b\n'), /malformed PAX/],
    ['a length beyond its end', pax('99 a=b\n'), /malformed PAX/],
    ['a length in hexadecimal', pax('0x7 a=b\n'), /malformed PAX/],
    ['a length like 1e9', pax('1e9 a=b\n'), /malformed PAX/],
    ['no length at all', pax(' a=b\n'), /malformed PAX/],
    ['a length of thousands of digits', pax(`${'1'.repeat(5000)} a=b\n`), /malformed PAX/],
    ['no equals sign', pax('6 abc\n'), /malformed PAX/],
    ['no line end', pax('6 a=bc'), /malformed PAX/],
    ['a NUL in a key', pax(record('a\0b', 'x')), /malformed PAX/],
    ['a NUL in a path', pax(record('path', 'a\0b')), /"path" holds a NUL/],
    ['a NUL in a link', pax(record('linkpath', 'a\0b')), /"linkpath" holds a NUL/],
    ['a size that is none', pax(record('size', '-1')), /"size" is not a number/],
    ['a size in hexadecimal', pax(record('size', '0x10')), /"size" is not a number/],
    ['a size that is endless', pax(record('size', '1'.repeat(400))), /"size" is not a number/],
    ['a time that is endless', pax(record('mtime', '1e400')), /"mtime" is not a number/],
    ['an owner that is a fraction', pax(record('uid', '1.5')), /"uid" is not a number/],
  ])('with %s is refused', (_, header, message) => {
    expect(outcome(Buffer.concat([header, raw({}), END_OF_ARCHIVE]))).toMatch(message);
  });

  it('may hold names of 64 KiB and attributes of 64 KiB, and of all of them 1 MiB', () => {
    const name = `${'d/'.repeat(32_000)}f`;
    const value = Buffer.alloc(65_536, 7);
    const tar = makeTar([{ name, xattrs: new Map([['user.a', value]]) }]);
    expect(read(tar, 999)[0]?.header).toMatchObject({ name, xattrs: new Map([['user.a', value]]) });
    const long = raw({ typeflag: 'L', data: Buffer.from(`${name}\0`) });
    expect(read(Buffer.concat([long, raw({})]), 999)[0]?.header.name).toBe(name);
    const large = pax(record('SCHILY.xattr.user.a', Buffer.alloc(600_000)));
    expect(outcome(Buffer.concat([large, large, raw({})]))).toMatch(/extended headers of \d+ bytes/);
    expect(outcome(raw({ typeflag: 'x', data: Buffer.alloc(1 << 21) }))).toMatch(/extended headers of \d+ bytes/);
  });

  it('for all entries may not grow without end', () => {
    const headers = Array.from({ length: 200 }, (_, index) =>
      raw({ typeflag: 'g', data: record(`k${index}`, 'x'.repeat(500)) }),
    );
    expect(outcome(Buffer.concat([...headers, raw({})]))).toMatch(/extended headers of \d+ bytes for all entries/);
    const some = raw({ typeflag: 'g', data: record('uid', '7') });
    expect(read(Buffer.concat([some, raw({}), raw({})])).map(({ header }) => header.uid)).toEqual([7, 7]);
  });

  it('without an entry is an archive that was cut off', () => {
    expect(outcome(pax(record('path', 'x')))).toMatch(/ends in the middle/);
  });
});

describe('a sparse file', () => {
  let dir: string;
  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), 'gantry-sparse-'));
  });
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  /** Pieces of a page, far apart; then a hole. */
  function makeSparse(pieces: number): Buffer {
    const fd = openSync(join(dir, 'sparse'), 'w');
    for (let index = 0; index < pieces; index++)
      writeSync(fd, Buffer.alloc(4096, index + 1), 0, 4096, index * 16_384 + 8192);
    ftruncateSync(fd, pieces * 16_384 + 100_000);
    closeSync(fd);
    return readFileSync(join(dir, 'sparse'));
  }

  const formats = ['gnu', 'pax --sparse-version=0.0', 'pax --sparse-version=0.1', 'pax --sparse-version=1.0'];
  it.each(formats.flatMap((format) => [0, 1, 4, 5, 40].map((pieces) => [format, pieces] as const)))(
    'of the form %s and %i pieces is read as GNU tar meant it',
    (format, pieces) => {
      const content = makeSparse(pieces);
      const args = ['--sparse', ...`--format=${format}`.split(' '), '-cf', '-', '-C', dir, 'sparse'];
      const tar = execFileSync('tar', args, { maxBuffer: 1 << 26 });
      for (const pieceSize of [tar.length, 511, 100]) {
        const [entry] = read(tar, pieceSize);
        expect(entry?.header).toMatchObject({ name: 'sparse', type: 'file', size: content.length });
        expect(entry?.data.equals(content)).toBe(true);
        expect(entry?.holes).toBeGreaterThan(pieces * 8000);
        expect(entry?.isWhole).toBe(true);
      }
    },
  );

  const octal = (value: number) => Buffer.from(`${value.toString(8).padStart(11, '0')}\0`);
  const old = (offset: number, length: number, realSize: number) =>
    raw({
      typeflag: 'S',
      data: Buffer.alloc(512),
      fields: { 386: octal(offset), 398: octal(length), 483: octal(realSize) },
    });
  const map = (text: string, size: number, stored = 512) =>
    Buffer.concat([
      pax(record('GNU.sparse.map', text), record('GNU.sparse.size', String(size))),
      raw({ data: Buffer.alloc(stored) }),
    ]);
  const listed = (list: string, size = 10_000) =>
    Buffer.concat([
      pax(
        record('GNU.sparse.major', '1'),
        record('GNU.sparse.minor', '0'),
        record('GNU.sparse.realsize', String(size)),
      ),
      raw({ data: Buffer.concat([Buffer.from(list.padEnd(512, '\0')), Buffer.alloc(512)]) }),
    ]);

  it('may be of as many pieces as a list can have, all of them in one chunk', () => {
    const count = 1 << 18;
    const lines = Array.from({ length: count }, (_, index) => `${2 * index}\n1\n`).join('');
    const list = Buffer.from(`${count}\n${lines}`);
    const data = Buffer.concat([list, padding(list.length), Buffer.alloc(count, 'x')]);
    const records = ['major=1', 'minor=0', `realsize=${2 * count}`].map((text) => {
      const [key = '', value = ''] = text.split('=');
      return record(`GNU.sparse.${key}`, value);
    });
    const [entry] = read(Buffer.concat([pax(...records), raw({ data })]));
    expect(entry?.data.equals(Buffer.from('x\0'.repeat(count)))).toBe(true);
  });

  it.each<[string, Buffer]>([
    ['less data than it says', old(0, 1024, 2048)],
    ['more data than it says', old(0, 100, 2048)],
    ['data beyond its end', old(2000, 512, 2048)],
    ['pieces that overlap', map('0,256,100,256', 10_000)],
    ['pieces in the wrong order', map('600,256,0,256', 10_000)],
    ['half a piece', map('0,512,600', 10_000)],
    ['a piece that is no number', map('0,x', 10_000)],
    ['a piece without end', map('0,99999999999999999999', 10_000)],
    ['a size that is smaller', map('0,512', 100)],
    ['a list that is no list', listed('hello\n')],
    ['a list that is longer than its data', listed('400\n1\n1\n')],
    ['a list of too many', listed('99999999\n')],
    ['a list with a line without end', listed('1'.repeat(500))],
    ['a negative number', listed('1\n-1\n512\n')],
    ['a version that there isn’t', Buffer.concat([pax(record('GNU.sparse.major', '9')), raw({})])],
    ['numbers in the wrong order', Buffer.concat([pax(record('GNU.sparse.numbytes', '1')), raw({})])],
  ])('with %s is refused', (_, tar) => {
    expect(outcome(tar)).toMatch(/sparse file|malformed PAX|ends in the middle/);
  });
});

describe('any archive', () => {
  const text = fc.oneof(
    fc.constantFrom('a', 'a/b', '../a', '/', '.', '', 'a/'.repeat(60), 'x'.repeat(300), 'é', 'a\0b'),
    fc.string({ maxLength: 20 }),
  );
  const digits = fc.oneof(
    fc.bigInt({ min: -5n, max: 1n << 70n }).map(String),
    fc.constantFrom('', '-', '0x1', '1e3', '1.5', ' 7', '7 ', '٣', 'NaN', 'Infinity'),
  );
  const keys = fc.constantFrom(
    'path',
    'linkpath',
    'size',
    'uid',
    'gid',
    'mtime',
    'SCHILY.xattr.user.a',
    'GNU.sparse.map',
    'GNU.sparse.size',
    'GNU.sparse.realsize',
    'GNU.sparse.major',
    'GNU.sparse.minor',
    'GNU.sparse.offset',
    'GNU.sparse.numbytes',
    'GNU.sparse.name',
    '',
  );
  const sparseList = fc.array(fc.nat(2000), { maxLength: 9 });
  const records = fc.array(
    fc.oneof(
      fc.tuple(keys, fc.oneof(text, digits)).map(([key, value]) => record(key, value)),
      sparseList.map((numbers) => record('GNU.sparse.map', numbers.join(','))),
      fc.constantFrom(
        record('GNU.sparse.major', '1'),
        record('GNU.sparse.minor', '0'),
        record('GNU.sparse.size', '4096'),
      ),
      fc.string({ maxLength: 12 }).map((noise) => Buffer.from(noise)),
    ),
    { maxLength: 4 },
  );
  const field = fc.oneof(
    fc.uint8Array({ minLength: 1, maxLength: 12 }).map((bytes) => Buffer.from(bytes)),
    fc.nat(5000).map((value) => Buffer.from(`${value.toString(8).padStart(11, '0')}\0`)),
    fc.bigInt({ min: -(1n << 80n), max: 1n << 80n }).map((value) => {
      const bytes = Buffer.alloc(12);
      let rest = value & ((1n << 96n) - 1n);
      for (let index = 11; index >= 0; index--, rest >>= 8n) bytes[index] = Number(rest & 0xffn);
      bytes[0] = (bytes[0] ?? 0) | 0x80;
      return bytes;
    }),
  );
  const fields = fc.dictionary(
    fc.constantFrom(
      '100',
      '108',
      '116',
      '124',
      '136',
      '157',
      '257',
      '329',
      '337',
      '345',
      '386',
      '398',
      '410',
      '482',
      '483',
    ),
    field,
    { maxKeys: 3 },
  );
  const part = fc.oneof(
    fc
      .record({
        name: text,
        typeflag: fc.constantFrom('0', '0', '\0', '1', '2', '3', '4', '5', '6', '7', 'S', 'S', 'M', 'V', 'Z'),
        data: fc.uint8Array({ maxLength: 1200 }).map((bytes) => Buffer.from(bytes)),
        fields,
      })
      .map(raw),
    fc
      .record({ typeflag: fc.constantFrom('x', 'x', 'x', 'X', 'g'), data: records.map((all) => Buffer.concat(all)) })
      .map(raw),
    fc.record({ typeflag: fc.constantFrom('L', 'K'), data: text.map((value) => Buffer.from(value)) }).map(raw),
    fc.constant(Buffer.alloc(512)),
    fc.uint8Array({ maxLength: 600 }).map((noise) => Buffer.from(noise)),
  );
  const archive = fc.array(part, { maxLength: 7 }).map((parts) => Buffer.concat(parts));

  it(
    'is read the same whatever pieces it comes in, and what is read of a file is as long as its header says',
    () => {
      fc.assert(
        fc.property(archive, fc.constantFrom(7, 511, 512, 513, 1000), (tar, pieceSize) => {
          const whole = outcome(tar);
          expect(outcome(tar, pieceSize)).toEqual(whole);
          if (typeof whole === 'string') return;
          for (const { header, data, holes, isWhole } of whole) {
            expect(isWhole).toBe(true);
            if (holes <= LARGEST) expect(data.length).toBe(header.size);
            expect(header.name).not.toContain('\0');
          }
        }),
        fuzz(800, 11),
      );
    },
    FUZZ_TIMEOUT_MS,
  );

  it(
    'that is damaged anywhere is refused, or read as something else',
    () => {
      const tar = Buffer.concat([
        pax(record('path', 'long/name'), record('SCHILY.xattr.user.a', 'b')),
        raw({ data: Buffer.alloc(700, 1) }),
        pax(record('GNU.sparse.map', '0,256,600,256'), record('GNU.sparse.size', '4096')),
        raw({ data: Buffer.alloc(512, 2) }),
        raw({ typeflag: 'L', data: Buffer.from('x'.repeat(200)) }),
        raw({ name: 'd/', typeflag: '5' }),
        END_OF_ARCHIVE,
      ]);
      const damage = fc.array(fc.tuple(fc.nat(tar.length - 1), fc.nat(255)), { minLength: 1, maxLength: 3 });
      fc.assert(
        fc.property(damage, fc.constantFrom(11, 512, 5000), (bytes, pieceSize) => {
          const damaged = Buffer.from(tar);
          for (const [position, value] of bytes) damaged[position] = value;
          expect(outcome(damaged, pieceSize)).toEqual(outcome(damaged));
        }),
        fuzz(800, 12),
      );
    },
    FUZZ_TIMEOUT_MS,
  );
});
