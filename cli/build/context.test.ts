import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { extract } from 'tar-stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { contextFiles, type DockerfilePlace, locateDockerfile, packContext, packContextFiles } from './context.ts';

let directory = '';

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'gantry-context-'));
});

afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

function put(files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, name)), { recursive: true });
    writeFileSync(join(directory, name), text);
  }
}

/** Name → content, of directories "/", of symbolic links "→ target". */
async function unpack(
  dockerfile: DockerfilePlace = { kind: 'inside', path: 'Dockerfile' },
  context = directory,
): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  const tar = extract();
  const done = (async () => {
    for await (const entry of tar) {
      const chunks: Buffer[] = [];
      for await (const chunk of entry) chunks.push(chunk as Buffer);
      const { name, type, linkname, uid } = entry.header;
      expect(uid).toBe(0);
      found[name] =
        type === 'directory' ? '/' : type === 'symlink' ? `→ ${linkname}` : Buffer.concat(chunks).toString();
    }
  })();
  Readable.from(packContextFiles(context, contextFiles(context, dockerfile))).pipe(tar);
  await done;
  return found;
}

describe('the build context', () => {
  it('is all files of the directory, in a fixed order', async () => {
    put({ Dockerfile: 'FROM x', 'b/two': '2', 'a/one': '', empty: '' });
    symlinkSync('a/one', join(directory, 'link'));
    const found = await unpack();
    expect(found).toEqual({
      Dockerfile: 'FROM x',
      a: '/',
      'a/one': '',
      b: '/',
      'b/two': '2',
      empty: '',
      link: '→ a/one',
    });
    expect(Object.keys(found)).toEqual(['Dockerfile', 'a', 'a/one', 'b', 'b/two', 'empty', 'link']);
  });

  it('leaves out what .dockerignore names, and brings back exceptions', async () => {
    put({
      Dockerfile: 'FROM x',
      '.dockerignore': '# comment\n*.log\nnode_modules\nDockerfile\n.dockerignore\n!node_modules/keep\n**/tmp\n',
      'x.log': '',
      'sub/x.log': 'stays: the pattern has no **',
      'node_modules/a/b': '',
      'node_modules/keep': 'kept',
      'deep/er/tmp': '',
    });
    expect(new Set(Object.keys(await unpack()))).toEqual(
      new Set([
        '.dockerignore',
        'Dockerfile',
        'deep',
        'deep/er',
        'node_modules',
        'node_modules/keep',
        'sub',
        'sub/x.log',
      ]),
    );
  });

  it("prefers the Dockerfile's own ignore file", async () => {
    put({ 'web.Dockerfile': '', 'web.Dockerfile.dockerignore': 'a', '.dockerignore': 'b', a: '', b: '' });
    expect(Object.keys(await unpack({ kind: 'inside', path: 'web.Dockerfile' }))).toEqual([
      '.dockerignore',
      'b',
      'web.Dockerfile',
      'web.Dockerfile.dockerignore',
    ]);
  });

  it("sends the Dockerfile's own ignore file even if that leaves itself out: the builder would read the other one", async () => {
    put({ 'web.Dockerfile': '', 'web.Dockerfile.dockerignore': '*\n!a', a: '', b: '' });
    const names = Object.keys(await unpack({ kind: 'inside', path: 'web.Dockerfile' }));
    expect(names).toEqual(['a', 'web.Dockerfile', 'web.Dockerfile.dockerignore']);
  });

  it('heeds the ignore file of a Dockerfile that lies elsewhere, and sends no files for the builder to read', async () => {
    put({ 'ctx/.dockerignore': 'b', 'ctx/a': '', 'ctx/b': '', 'web.Dockerfile.dockerignore': 'a\n.dockerignore' });
    const path = join(directory, 'web.Dockerfile');
    const context = join(directory, 'ctx');
    expect(Object.keys(await unpack({ kind: 'outside', path, text: '' }, context))).toEqual(['b']);
    expect(Object.keys(await unpack({ kind: 'none' }, context))).toEqual(['.dockerignore', 'a']);
  });

  it('fails where it is read when the directory is gone', async () => {
    const context = packContext(join(directory, 'nope'));
    const read = async () => {
      for await (const chunk of context) expect(chunk).toBeDefined();
    };
    await expect(read()).rejects.toThrow('ENOENT');
  });
});

describe('the Dockerfile', () => {
  it('is found in the context, or sent as text from outside of it', async () => {
    put({ 'ctx/Dockerfile': 'FROM a', 'ctx/sub/File': 'FROM b', other: 'FROM c' });
    const context = join(directory, 'ctx');
    expect(await locateDockerfile(directory, context, undefined)).toEqual({ kind: 'inside', path: 'Dockerfile' });
    expect(await locateDockerfile(directory, context, 'ctx/sub/File')).toEqual({ kind: 'inside', path: 'sub/File' });
    const outside = { kind: 'outside', path: join(directory, 'other'), text: 'FROM c' };
    expect(await locateDockerfile(directory, context, 'other')).toEqual(outside);
    await expect(locateDockerfile(directory, context, 'nope')).rejects.toThrow('cannot read the Dockerfile');
  });

  it('may be written dockerfile, as long as there is no Dockerfile', async () => {
    put({ dockerfile: 'FROM a' });
    expect(await locateDockerfile('/', directory, undefined)).toEqual({ kind: 'inside', path: 'dockerfile' });
    put({ Dockerfile: 'FROM b' });
    expect(await locateDockerfile('/', directory, undefined)).toEqual({ kind: 'inside', path: 'Dockerfile' });
  });
});
