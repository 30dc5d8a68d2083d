import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BuildContext, ignoreFiles } from './build-context.ts';

let directory = '';
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'gantry-build-context-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

/** A context of these files, by name. */
function contextOf(files: Readonly<Record<string, string>>): BuildContext {
  const context = new BuildContext(directory);
  mkdirSync(context.root);
  for (const [name, text] of Object.entries(files)) writeFileSync(join(context.root, name), text);
  return context;
}

describe('the Dockerfile of a context', () => {
  it('may be written dockerfile, as long as it is not named', async () => {
    const context = contextOf({ dockerfile: 'FROM a' });
    expect(await context.readDockerfile('', '')).toEqual({ name: 'dockerfile', text: 'FROM a' });
    await expect(context.readDockerfile('Dockerfile', '')).rejects.toThrow(
      'there is no Dockerfile in the build context',
    );
  });
});

describe('ignore files', () => {
  it("are the Dockerfile's own or the common one, and no other Dockerfile's", () => {
    const [inContext, elsewhere] = [{ dockerfileText: '' }, { dockerfileText: 'FROM a' }];
    expect(ignoreFiles({ ...inContext, contextId: 'x' }, 'web')).toEqual(['web.dockerignore', '.dockerignore']);
    expect(ignoreFiles({ ...elsewhere, contextId: '' }, 'Dockerfile')).toEqual(['.dockerignore']);
    // Whoever lists a directory reads the file beside the Dockerfile himself.
    expect(ignoreFiles({ ...elsewhere, contextId: 'x' }, 'Dockerfile')).toEqual([]);
  });

  it('take out what the first of them names', async () => {
    const context = contextOf({ 'web.dockerignore': 'a', '.dockerignore': 'b', a: '', b: '' });
    await context.applyIgnoreFile(['other.dockerignore', 'web.dockerignore', '.dockerignore']);
    expect(readdirSync(context.root).sort()).toEqual(['.dockerignore', 'b', 'web.dockerignore']);
  });

  it('are told of where they mean nothing', async () => {
    const context = contextOf({ '.dockerignore': '\n[' });
    await expect(context.applyIgnoreFile(['.dockerignore'])).rejects.toThrow('.dockerignore:2: malformed pattern "["');
  });
});
