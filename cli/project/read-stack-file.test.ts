import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readStackFile } from './read-stack-file.ts';

let directory = '';

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'gantry-read-'));
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

describe('readStackFile', () => {
  it('reads all of a file, also of one that has nothing', () => {
    const text = 'é'.repeat(100_000);
    writeFileSync(join(directory, 'a'), text);
    writeFileSync(join(directory, 'b'), '');
    expect(Buffer.from(readStackFile(join(directory, 'a')) ?? []).toString('utf8')).toBe(text);
    expect(readStackFile(join(directory, 'b'))).toHaveLength(0);
  });

  it('tells what isn’t there from what can’t be read', () => {
    expect(readStackFile(join(directory, 'none'))).toBeUndefined();
    expect(readStackFile(join(directory, 'none', 'below'))).toBeUndefined();
    expect(() => readStackFile(directory)).toThrow(`${directory} is a directory`);
  });

  it('doesn’t read what has no end', () => {
    expect(() => readStackFile('/dev/zero')).toThrow('/dev/zero has more than 67108864 bytes');
  });
});
