import { lstatSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Header, pack } from 'tar-stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ExtractRules, extractFiles } from './extract-files.ts';

const OWN: ExtractRules = { replaces: 'anything', owner: 'user' };

describe('what an archive puts into a directory', () => {
  let base = '';
  let directory = '';
  let outside = '';

  beforeEach(() => {
    base = mkdtempSync(join(tmpdir(), 'gantry-extract-'));
    directory = join(base, 'directory');
    outside = join(base, 'outside');
    mkdirSync(directory);
    mkdirSync(outside, { mode: 0o700 });
  });

  afterEach(() => rmSync(base, { recursive: true, force: true }));

  async function extract(
    entries: readonly (Partial<Header> & { name: string; text?: string })[],
    rules = OWN,
  ): Promise<string[]> {
    const tar = pack();
    for (const { text = '', ...header } of entries) tar.entry(header, text);
    tar.finalize();
    return [...(await extractFiles(tar as AsyncIterable<Buffer>, directory, rules)).leftOut];
  }

  it('are its files, in its directories, whose modes may forbid to write there', async () => {
    await extract([
      { name: 'a', type: 'directory', mode: 0o555 },
      { name: 'a/file', mode: 0o640, text: 'hello' },
      { name: 'b', type: 'symlink', linkname: 'a/file' },
      { name: 'c', type: 'link', linkname: 'a/file' },
    ]);
    expect(readFileSync(join(directory, 'b'), 'utf8')).toBe('hello');
    expect(statSync(join(directory, 'c')).nlink).toBe(2);
    expect([statSync(join(directory, 'a')), statSync(join(directory, 'c'))].map(({ mode }) => mode & 0o7777)).toEqual([
      0o555, 0o640,
    ]);
  });

  it('has no set-user-id bits, unless the archive’s owners are kept', async () => {
    const file = [{ name: 'su', mode: 0o4755 }];
    await extract(file);
    expect(statSync(join(directory, 'su')).mode & 0o7777).toBe(0o755);
    await extract(file, { replaces: 'anything', owner: 'archive' });
    expect(statSync(join(directory, 'su')).mode & 0o7777).toBe(0o4755);
  });

  it.each([['../x'], ['a/../../x'], ['link/x'], ['link/deep/x']])('is nothing outside: %s', async (name) => {
    symlinkSync(outside, join(directory, 'link'));
    await expect(extract([{ name, text: 'x' }])).rejects.toThrow(`cannot write ${name}`);
    expect(lstatSync(join(base, 'x'), { throwIfNoEntry: false })).toBeUndefined();
    expect(lstatSync(join(outside, 'x'), { throwIfNoEntry: false })).toBeUndefined();
  });

  it('replaces a link, and what it leads to stays as it is', async () => {
    writeFileSync(join(outside, 'kept'), 'kept', { mode: 0o600 });
    symlinkSync(join(outside, 'kept'), join(directory, 'file'));
    await extract([{ name: 'file', text: 'new', mode: 0o666 }]);
    expect(readFileSync(join(outside, 'kept'), 'utf8')).toBe('kept');
    await extract([{ name: 'file', type: 'link', linkname: 'file2' }]).catch(() => undefined);
    expect(statSync(join(outside, 'kept')).mode & 0o777).toBe(0o600);
  });

  it('is not said of what a link leads to that has taken a directory’s place', async () => {
    await extract([
      { name: 'a', type: 'directory', mode: 0o777 },
      { name: 'a', type: 'symlink', linkname: outside },
    ]);
    expect(lstatSync(join(directory, 'a')).isSymbolicLink()).toBe(true);
    expect(statSync(outside).mode & 0o777).toBe(0o700);
  });

  it('leaves out devices and pipes, and says which', async () => {
    expect(await extract([{ name: 'fifo', type: 'fifo' }, { name: 'file' }])).toEqual(['fifo']);
  });

  it('replaces files by directories only where that is asked for', async () => {
    writeFileSync(join(directory, 'a'), '');
    mkdirSync(join(directory, 'b'));
    const rules: ExtractRules = { replaces: 'same-kind', owner: 'user' };
    await expect(extract([{ name: 'a', type: 'directory' }], rules)).rejects.toThrow('with a directory');
    await expect(extract([{ name: 'b' }], rules)).rejects.toThrow('with a non-directory');
    await extract([{ name: 'a', type: 'directory' }, { name: 'b' }]);
    expect(statSync(join(directory, 'a')).isDirectory()).toBe(true);
    expect(statSync(join(directory, 'b')).isFile()).toBe(true);
  });
});
