import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { lastRecord, RecordLines } from './record-lines.ts';

let dir: string;
let path: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'gantry-lines-'));
  path = join(dir, 'record.json');
});

afterEach(() => rmSync(dir, { recursive: true }));

const content = () => readFileSync(path, 'utf8');

it('keeps what was written last, and the file short, synced or not', async () => {
  const lines = new RecordLines();
  for (let number = 0; number < 100; number += 2) {
    lines.write(path, `record ${number}`);
    expect(lastRecord(content())).toBe(`record ${number}`);
    await lines.writeSynced(path, `record ${number + 1}`);
    expect(lastRecord(content())).toBe(`record ${number + 1}`);
  }
  expect(content().split('\n').length).toBeLessThan(40);
  expect(existsSync(`${path}.tmp`)).toBe(false);
});

it('does not append to what another process may have left half written', async () => {
  new RecordLines().write(path, 'whole');
  appendFileSync(path, 'half');
  expect(lastRecord(content())).toBe('whole');
  await new RecordLines().writeSynced(path, 'later');
  expect(content()).toBe('later\n');
});

it('begins anew after the file was removed', () => {
  const lines = new RecordLines();
  lines.write(path, 'first');
  lines.forget(path);
  rmSync(path);
  lines.write(path, 'second');
  expect(content()).toBe('second\n');
});

it('reads a file of one record without a line end', () => {
  writeFileSync(path, 'old');
  expect(lastRecord(content())).toBe('old');
});
