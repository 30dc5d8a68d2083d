import { describe, expect, it } from 'vitest';
import { decodeLogRecord, EntryAssembler, encodeLogRecord, MAX_RECORD_BYTES, toRecords } from './record.ts';

const large = Buffer.alloc(2 * MAX_RECORD_BYTES + 1, 'x');

function assemble(records: ReturnType<typeof toRecords>) {
  const assembler = new EntryAssembler();
  return records.map((record) => assembler.add(record)).filter((entry) => entry !== undefined);
}

describe('records', () => {
  it.each([0, 1, MAX_RECORD_BYTES, MAX_RECORD_BYTES + 1, 2 * MAX_RECORD_BYTES])(
    'make an entry of %i bytes again',
    (size) => {
      const data = Buffer.alloc(size, 'y');
      const records = toRecords(7, 3, data);
      const read = records.map((record) => decodeLogRecord(record.index, encodeLogRecord(record)));
      expect(records).toHaveLength(Math.max(1, Math.ceil(size / MAX_RECORD_BYTES)));
      const [entry, ...others] = assemble(read);
      expect(others).toEqual([]);
      expect(entry).toMatchObject({ index: 6 + records.length, term: 3 });
      expect(Buffer.compare(entry?.data ?? Buffer.alloc(1), data)).toBe(0);
    },
  );

  it('stay below what etcd takes', () => {
    for (const record of toRecords(1, Number.MAX_SAFE_INTEGER, large)) {
      expect(encodeLogRecord(record).byteLength).toBeLessThan(1.25 * 1024 * 1024);
    }
  });

  it.each([0, 4, 12, 20])('with a flipped bit in byte %i are refused', (at) => {
    const [record] = toRecords(7, 3, Buffer.from('something'));
    if (record === undefined) throw new Error('there is a record');
    const bytes = encodeLogRecord(record);
    bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
    expect(() => decodeLogRecord(7, bytes)).toThrow('checksum of entry 7');
  });

  it('in the place of another are refused', () => {
    const [record] = toRecords(7, 3, Buffer.from('something'));
    if (record === undefined) throw new Error('there is a record');
    expect(() => decodeLogRecord(8, encodeLogRecord(record))).toThrow('checksum of entry 8');
  });
});

describe('EntryAssembler', () => {
  it('passes over what a leader has left half written', () => {
    const half = toRecords(1, 3, large).slice(0, 2);
    const [entry, ...others] = assemble([...half, ...toRecords(3, 4, Buffer.from('next'))]);
    expect(others).toEqual([]);
    expect(entry).toMatchObject({ index: 3, term: 4, data: Buffer.from('next') });
  });

  it('passes over the end of an entry that it has not seen the beginning of', () => {
    const end = toRecords(1, 3, large).slice(1);
    expect(assemble([...end, ...toRecords(4, 3, Buffer.from('next'))])).toMatchObject([{ index: 4 }]);
  });
});
