import { describe, expect, it } from 'vitest';
import type { LogOrigin } from '../../../proto/log/sent-log.ts';
import type { SyslogFormat } from '../../../proto/log/syslog-options.ts';
import { type CriRecord, STDERR, STDOUT } from '../cri-record.ts';
import { fluentdChunk, fluentdOrigin } from './fluentd-sink.ts';
import { gelfBase, gelfChunks, gelfMessage } from './gelf-message.ts';
import { journalEntry, journalFields } from './journald-sink.ts';
import { pack, readAck } from './msgpack.ts';
import { countedFrame, syslogMessage } from './syslog-message.ts';

const SECONDS = Date.parse('2026-11-08T04:05:06Z') / 1000;
const line = (text: string, changes: Partial<CriRecord> = {}): CriRecord => ({
  seconds: SECONDS,
  nanoseconds: 123_456_789,
  stream: STDOUT,
  full: true,
  data: Buffer.from(text),
  ...changes,
});

const ORIGIN: LogOrigin = {
  id: 'c'.repeat(64),
  name: 'web.1',
  imageId: `sha256:${'a'.repeat(64)}`,
  imageName: 'web:2',
  command: 'serve -p 80',
  createdAtMs: Date.parse('2026-11-08T00:00:00Z'),
  hostname: 'h1',
  labels: { team: 'a', 'com.example/x': 'y', other: 'z' },
  env: ['STAGE=test', 'SECRET=s'],
};
const SELECTION = { labels: ['team'], labelPattern: /^com\./, variables: ['STAGE'], variablePattern: undefined };

describe('a message of syslog', () => {
  const message = (format: SyslogFormat, record: CriRecord, tag = 'web') =>
    syslogMessage(record, { facility: 3, format, hostname: 'h1', tag, pid: 7 }).toString();
  const hours = String(new Date(SECONDS * 1000).getHours()).padStart(2, '0');

  it('is as each format has it', () => {
    expect(message('unix', line('hello'))).toBe(`<30>Nov  8 ${hours}:05:06 web[7]: hello\n`);
    expect(message('rfc3164', line('hello'))).toBe(`<30>Nov  8 ${hours}:05:06 h1 web[7]: hello\n`);
    expect(message('rfc5424', line('hello'))).toBe('<30>1 2026-11-08T04:05:06Z h1 web 7 web - hello\n');
    expect(message('rfc5424micro', line('hello'))).toBe('<30>1 2026-11-08T04:05:06.123456Z h1 web 7 web - hello\n');
  });

  it('has the severity of the stream', () => {
    expect(message('rfc5424', line('oh', { stream: STDERR }))).toMatch(/^<27>1 /);
  });

  it('keeps fields in their places', () => {
    expect(message('rfc5424', line('x'), 'a b\n')).toContain(' a_b_ 7 a_b_ - x');
    expect(message('rfc5424', line('x'), '')).toContain(' - 7 - - x');
  });

  it('is counted in bytes', () => {
    expect(countedFrame(Buffer.from('é\n')).toString()).toBe('3 é\n');
  });
});

describe('a message of GELF', () => {
  const base = gelfBase(ORIGIN, SELECTION, 'tag');

  it('tells whose line it is, with what is selected', () => {
    expect(JSON.parse(gelfMessage(line('hello'), base).toString())).toEqual({
      version: '1.1',
      host: 'h1',
      short_message: 'hello',
      timestamp: SECONDS + 0.123,
      level: 6,
      _container_id: ORIGIN.id,
      _container_name: 'web.1',
      _image_id: ORIGIN.imageId,
      _image_name: 'web:2',
      _command: 'serve -p 80',
      _tag: 'tag',
      _created: '2026-11-08T00:00:00.000Z',
      _team: 'a',
      '_com.example/x': 'y',
      _STAGE: 'test',
    });
  });

  it('goes in as many datagrams as it takes', () => {
    const id = Buffer.from('12345678');
    expect(gelfChunks(Buffer.alloc(1420), id)).toHaveLength(1);
    const message = Buffer.alloc(3000, 'x');
    const chunks = gelfChunks(message, id);
    expect(chunks.map((chunk) => [...chunk.subarray(0, 2), ...chunk.subarray(10, 12)])).toEqual([
      [0x1e, 0x0f, 0, 3],
      [0x1e, 0x0f, 1, 3],
      [0x1e, 0x0f, 2, 3],
    ]);
    expect(Buffer.concat(chunks.map((chunk) => chunk.subarray(12)))).toEqual(message);
  });

  it('never takes more of them than there may be, whatever is in a line', () => {
    const worst = gelfMessage(line('\u0001'.repeat(16 * 1024)), base);
    expect(gelfChunks(worst, Buffer.alloc(8)).length).toBeGreaterThan(1);
  });
});

describe('an entry of the journal', () => {
  it('has fields with their lengths, so that a line may be anything', () => {
    const fields = journalFields(ORIGIN, SELECTION, 'tag');
    expect([...fields.keys()]).toEqual([
      ...['TEAM', 'COM_EXAMPLE_X', 'STAGE'],
      ...['CONTAINER_ID', 'CONTAINER_ID_FULL', 'CONTAINER_NAME', 'CONTAINER_TAG', 'IMAGE_NAME', 'SYSLOG_IDENTIFIER'],
    ]);
    const entry = journalEntry(line('a\nb', { stream: STDERR, full: false }), new Map([['A', 'x']])).toString('latin1');
    const field = (name: string, value: string) =>
      `${name}\n${String.fromCharCode(value.length)}\0\0\0\0\0\0\0${value}\n`;
    expect(entry).toBe(
      field('A', 'x') +
        field('PRIORITY', '3') +
        field('SYSLOG_TIMESTAMP', '2026-11-08T04:05:06.123456789Z') +
        field('CONTAINER_PARTIAL_MESSAGE', 'true') +
        field('MESSAGE', 'a\nb'),
    );
  });
});

describe('MessagePack', () => {
  it.each<[Parameters<typeof pack>[0], string]>([
    ['', 'a0'],
    ['abc', 'a3616263'],
    ['x'.repeat(32), `d920${'78'.repeat(32)}`],
    ['x'.repeat(256), `da0100${'78'.repeat(256)}`],
    [Buffer.from([0xff]), 'a1ff'],
    [127, '7f'],
    [128, 'ce00000080'],
    [[1, 'a'], '9201a161'],
    [new Map([['a', 1]]), '81a16101'],
    [{ seconds: 1, nanoseconds: 2 }, 'd7000000000100000002'],
  ])('%j is %s', (value, hex) => {
    expect(pack(value).toString('hex')).toBe(hex);
  });

  it('has lists and maps of any length', () => {
    const long = Array.from({ length: 16 }, () => 1);
    expect(pack(long).subarray(0, 4).toString('hex')).toBe('dc001001');
    expect(
      pack(new Map(long.map((_, at) => [`${at}`, 1])))
        .subarray(0, 3)
        .toString('hex'),
    ).toBe('de0010');
    expect(
      pack(Array.from({ length: 65536 }, () => 1))
        .subarray(0, 5)
        .toString('hex'),
    ).toBe('dd00010000');
  });

  it('reads an acknowledgement as it comes', () => {
    for (const id of ['short', 'x'.repeat(40)]) {
      const ack = pack(new Map([['ack', id]]));
      for (let length = 0; length < ack.length; length++) expect(readAck(ack.subarray(0, length))).toBeUndefined();
      expect(readAck(ack)).toBe(id);
    }
    expect(() => readAck(Buffer.from('HTTP/1.1'))).toThrow('no acknowledgement');
    expect(() => readAck(pack(new Map([['ack', 1]])))).toThrow('no acknowledgement');
  });
});

describe('a chunk for Fluentd', () => {
  it('has the tag, each line with its time, and its size', () => {
    const origin = fluentdOrigin(ORIGIN, { ...SELECTION, labelPattern: undefined }, 'docker.web');
    const record = (source: string, log: string, more: [string, string][] = []) =>
      new Map([
        ['container_id', ORIGIN.id],
        ['container_name', '/web.1'],
        ['team', 'a'],
        ['STAGE', 'test'],
        ['source', source],
        ['log', log],
        ...more,
      ]);
    const lines = [line('one'), line('two', { stream: STDERR, full: false })];
    const entries = (time: Parameters<typeof pack>[0]) => [
      [time, record('stdout', 'one')],
      [time, record('stderr', 'two', [['partial_message', 'true']])],
    ];
    expect(fluentdChunk(lines, origin, { subSecond: false, chunk: undefined })).toEqual(
      pack(['docker.web', entries(SECONDS), new Map([['size', 2]])]),
    );
    const time = { seconds: SECONDS, nanoseconds: 123_456_789 };
    expect(fluentdChunk(lines, origin, { subSecond: true, chunk: 'id' })).toEqual(
      pack([
        'docker.web',
        entries(time),
        new Map<string, string | number>([
          ['size', 2],
          ['chunk', 'id'],
        ]),
      ]),
    );
  });
});
