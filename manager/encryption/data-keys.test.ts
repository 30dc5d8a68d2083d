import { describe, expect, it } from 'vitest';
import { type DataKey, DataKeys } from './data-keys.ts';
import { seededRandom } from './encryption.testing.ts';

const content = Buffer.from('content');
const idOf = (record: Buffer) => record.readUInt32BE();

function keys(maxRecordsPerKey?: number, existing: DataKey[] = []) {
  const made: DataKey[] = [...existing];
  const random = seededRandom('data keys');
  const nextKey = () => {
    const key = { id: 100 + made.length, bytes: random(32) };
    made.push(key);
    return key;
  };
  const options = maxRecordsPerKey === undefined ? {} : { maxRecordsPerKey };
  return { made, sealer: new DataKeys({ keys: existing, nextKey, ...options }) };
}

describe('DataKeys', () => {
  it('makes its key with the first record, and not before', () => {
    const { made, sealer } = keys();
    expect(made).toEqual([]);
    const record = sealer.seal('one', content);
    expect(sealer.unseal('one', record)).toEqual(content);
    sealer.seal('two', content);
    expect(made).toHaveLength(1);
  });

  it('goes to a new key when one was used as often as is safe, and reads all', () => {
    const { made, sealer } = keys(3);
    const records = Array.from({ length: 7 }, (_, number) => sealer.seal(`record ${number}`, content));
    expect(records.map(idOf)).toEqual([100, 100, 100, 101, 101, 101, 102]);
    expect(made).toHaveLength(3);
    for (const [number, record] of records.entries()) {
      expect(sealer.unseal(`record ${number}`, record)).toEqual(content);
    }
  });

  it('begins with a new key in each process, and says which of the old ones it still needs', () => {
    const first = keys(1);
    const [one, two] = [first.sealer.seal('one', content), first.sealer.seal('two', content)];
    const second = keys(1, first.made);
    expect(second.sealer.unseal('two', two)).toEqual(content);
    expect([...second.sealer.usedIds]).toEqual([101]);
    expect(idOf(second.sealer.seal('three', content))).toBe(102);
    expect(second.sealer.unseal('one', one)).toEqual(content);
    expect([...second.sealer.usedIds].sort()).toEqual([100, 101, 102]);
  });

  it('refuses a record of a key that it has not, and what is no record', () => {
    const record = keys().sealer.seal('one', content);
    expect(() => keys().sealer.unseal('one', record)).toThrow(/one is sealed with a key that keys.json does not have/);
    expect(keys().sealer.unseal('one', Buffer.alloc(3))).toBeUndefined();
  });
});
