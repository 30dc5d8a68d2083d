import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readSecrets } from './secrets.ts';

describe('--secret', () => {
  let cwd: string;
  const env = { TOKEN: 'of the environment', known: 'by its id' };
  beforeAll(() => {
    cwd = mkdtempSync(join(tmpdir(), 'gantry-secret-'));
    writeFileSync(join(cwd, 'file'), 'of a file');
    writeFileSync(join(cwd, 'large'), Buffer.alloc(600 * 1024));
  });
  afterAll(() => rmSync(cwd, { recursive: true }));

  it.each([
    ['id=a,src=file', { a: 'of a file' }],
    ['type=file,id=a,source=file', { a: 'of a file' }],
    ['id=a,env=TOKEN', { a: 'of the environment' }],
    ['type=env,id=TOKEN', { TOKEN: 'of the environment' }],
    ['id=known', { known: 'by its id' }],
    ['id=file', { file: 'of a file' }],
  ])('%s', (value, expected) => {
    const read = Object.entries(readSecrets([value], { cwd, env }));
    expect(Object.fromEntries(read.map(([id, content]) => [id, content.toString()]))).toEqual(expected);
  });

  it.each([
    ['token', /invalid argument "token" for --secret/],
    ['src=file', /invalid argument/],
    ['id=a,src=none', /cannot read secret a: .*none/],
    ['id=a,env=NONE', /secret a: the variable NONE is not set/],
    ['id=a,src=large', /secret a is larger than 512000 bytes/],
    ['type=other,id=a', /unknown type other/],
  ])('refuses %s', (value, message) => {
    expect(() => readSecrets([value], { cwd, env })).toThrow(message);
  });
});
