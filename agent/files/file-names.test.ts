import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { bytesOfName, filePath, linkTarget, nameOfBytes, namesIn } from './file-names.ts';

it('gives back the bytes of any name', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      const name = nameOfBytes(Buffer.from(bytes));
      expect(bytesOfName(name)).toEqual(Buffer.from(bytes));
    }),
  );
});

it('leaves what is UTF-8 as it is', () => {
  for (const name of ['plain', 'größe', '日本', '😀', '\ufffd']) {
    expect(nameOfBytes(Buffer.from(name))).toBe(name);
    expect(filePath(name)).toBe(name);
  }
  expect(nameOfBytes(Buffer.from('a\xffb\xe4', 'latin1'))).toBe('a\udcffb\udce4');
});

it('finds files by the names that it gives', () => {
  const directory = mkdtempSync(join(tmpdir(), 'gantry-names-test-'));
  try {
    const odd = 'in no encoding \udcff\udcfe';
    writeFileSync(filePath(`${directory}/${odd}`), '');
    writeFileSync(`${directory}/\ufffd`, '');
    symlinkSync(filePath(odd), `${directory}/link`);
    expect(new Set(namesIn(directory))).toEqual(new Set([odd, 'link', '\ufffd']));
    expect(linkTarget(`${directory}/link`)).toBe(odd);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
