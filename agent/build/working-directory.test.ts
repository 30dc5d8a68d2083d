import { mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isRoot } from '../image/testing/fixtures.ts';
import { makeWorkingDirectory } from './working-directory.ts';

let root = '';
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'gantry-workdir-'));
  mkdirSync(join(root, 'etc'));
  writeFileSync(join(root, 'etc/passwd'), 'app:x:1000:1001::/:/bin/sh\n');
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const ownerOf = (path: string) => {
  const { uid, gid } = statSync(join(root, path));
  return `${uid}:${gid}`;
};

describe.runIf(isRoot)('a working directory', () => {
  it('belongs, as far as it is made, to the user of the steps', () => {
    mkdirSync(join(root, 'srv'));
    makeWorkingDirectory(root, '/srv/app/data', 'app');
    expect(['srv', 'srv/app', 'srv/app/data'].map(ownerOf)).toEqual(['0:0', '1000:1001', '1000:1001']);
    makeWorkingDirectory(root, '/own', '');
    makeWorkingDirectory(root, '/by/number', '7:8');
    expect(['own', 'by', 'by/number'].map(ownerOf)).toEqual(['0:0', '7:8', '7:8']);
  });

  it('is left as it is when it is there, and is within the root whatever links say', () => {
    mkdirSync(join(root, 'there'));
    symlinkSync('/there', join(root, 'link'));
    makeWorkingDirectory(root, '/link', 'app');
    makeWorkingDirectory(root, '/link/new', 'app');
    expect(['there', 'there/new'].map(ownerOf)).toEqual(['0:0', '1000:1001']);
  });

  it('cannot be of a user that is not known', () => {
    expect(() => makeWorkingDirectory(root, '/x', 'nobody-here')).toThrow('nobody-here');
  });
});
