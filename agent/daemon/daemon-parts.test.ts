import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { mountsBelow, removeExecRoot } from './host-cleanup.ts';
import { lockRoots } from './root-locks.ts';
import { SocketServer } from './socket-server.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'gantry-daemon-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

describe('the roots', () => {
  it('are made and locked, one lock each', () => {
    const roots = { dataRoot: join(directory, 'a/b'), execRoot: join(directory, 'run') };
    let locks = 0;
    lockRoots(roots, { tryLock: () => ++locks > 0 });
    lockRoots({ dataRoot: directory, execRoot: directory }, { tryLock: () => ++locks > 0 });
    expect(locks).toBe(3);
  });

  it('keep containers from other users, also when they were open to all', () => {
    const roots = { dataRoot: join(directory, 'data'), execRoot: join(directory, 'run') };
    mkdirSync(roots.dataRoot, { mode: 0o777 });
    lockRoots(roots, { tryLock: () => true });
    expect(statSync(roots.dataRoot).mode & 0o777).toBe(0o700);
    expect(statSync(roots.execRoot).mode & 0o777).toBe(0o711);
  });

  it('belong to one gantryd', () => {
    const lock = () => lockRoots({ dataRoot: directory, execRoot: directory }, { tryLock: () => false });
    expect(lock).toThrow(`another gantryd uses ${directory}`);
  });
});

describe('the socket', () => {
  it('is there for root and its group while the server is', async () => {
    const path = join(directory, 'sub/gantry.sock');
    const server = new SocketServer([]);
    await server.listen([path]);
    expect(statSync(path).mode & 0o777).toBe(0o660);
    await expect(new SocketServer([]).listen([path])).rejects.toThrow('another process does');
    await server.close(0);
  });

  it('takes the place of one that nobody answers on', async () => {
    const path = join(directory, 'gantry.sock');
    const dead = createServer();
    await new Promise<void>((resolve) => dead.listen(path, resolve));
    // Closing a server removes its socket, unless it isn't found: a killed process removes none.
    renameSync(path, `${path}.old`);
    await new Promise((resolve) => dead.close(resolve));
    renameSync(`${path}.old`, path);
    const server = new SocketServer([]);
    await server.listen([path]);
    await server.close(0);
  });

  it('does not take the place of a file', async () => {
    const path = join(directory, 'file');
    writeFileSync(path, 'precious');
    await expect(new SocketServer([]).listen([path])).rejects.toThrow('there is a file that is no socket');
  });
});

describe('after system stop', () => {
  it('mounts go in the reverse order of their making', () => {
    const line = (id: number, path: string) => `${id} 1 0:${id} / ${path} rw - tmpfs tmpfs rw`;
    const mountinfo = ['/run', '/run/g', '/run/g/a', '/run/g/a/b', '/run/gx/a', '/var/g/v\\040w'].map((path, id) =>
      line(id, path),
    );
    expect(mountsBelow(mountinfo.join('\n'), ['/run/g', '/var/g'])).toEqual(['/var/g/v w', '/run/g/a/b', '/run/g/a']);
  });

  it('nothing is left of the exec root', () => {
    const root = join(directory, 'run');
    mkdirSync(join(root, 'containers/x'), { recursive: true });
    writeFileSync(join(root, 'gantryd.lock'), '');
    removeExecRoot(root);
    expect(existsSync(root)).toBe(false);
  });
});
