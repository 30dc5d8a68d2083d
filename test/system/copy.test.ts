/** `cp`: between this host and containers that run, have ended or were never started; in all of Docker's forms. */
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { output } from '../lab/command.ts';
import { Host } from '../lab/host.ts';
import { importBusybox } from '../lab/image.ts';

let host: Host;
let directory: string;

beforeAll(async () => {
  host = await Host.create('copy');
  directory = mkdtempSync(join(tmpdir(), 'gantry-copy-'));
  await host.start();
  await importBusybox(host);
  const mounts = ['-v', 'shared:/data', '-v', `${here('bound')}:/bound:ro`, '--tmpfs', '/scratch'];
  mkdirSync(here('bound'));
  writeFileSync(here('bound/file'), 'of the host\n');
  await host.ok(['run', '-d', '--init', '--name', 'running', ...mounts, 'busybox', 'sleep', '1000']);
  await host.ok(['create', '--name', 'created', ...mounts, 'busybox', 'true']);
  await host.ok(['run', '--name', 'ended', ...mounts, 'busybox', 'true']);
});

afterAll(async () => {
  await host.destroy();
  expect(await output(['sh', '-c', 'cat /proc/self/mountinfo'])).not.toContain(host.execRoot);
  rmSync(directory, { recursive: true });
});

beforeEach(() => {
  rmSync(here('work'), { recursive: true, force: true });
  mkdirSync(here('work/tree/deep'), { recursive: true });
  writeFileSync(here('work/one'), 'one\n', { mode: 0o640 });
  writeFileSync(here('work/tree/deep/two'), 'two\n');
  symlinkSync('deep/two', here('work/tree/link'));
});

const here = (name: string) => join(directory, name);
const cp = (...argv: string[]) => host.gantry(['cp', ...argv]);
const ok = (...argv: string[]) => host.ok(['cp', '-q', ...argv]);
const read = (name: string) => readFileSync(here(name), 'utf8');

describe.each(['running', 'created', 'ended'])('of a container (%s)', (name) => {
  it('a file and a directory go there and come back', async () => {
    await ok(here('work/one'), `${name}:/root/one`);
    await ok(here('work/tree'), `${name}:/root`);
    await ok(`${name}:/root`, here('work/back'));
    expect(read('work/back/one')).toBe('one\n');
    expect(statSync(here('work/back/one')).mode & 0o777).toBe(0o640);
    expect(read('work/back/tree/deep/two')).toBe('two\n');
    expect(readlinkSync(here('work/back/tree/link'))).toBe('deep/two');
  });

  it('volumes and binds are there', async () => {
    await ok(here('work/one'), `${name}:/data/from-${name}`);
    await ok(`running:/data/from-${name}`, here('work/two'));
    await ok(`${name}:/bound/file`, here('work/bound'));
    expect([read('work/two'), read('work/bound')]).toEqual(['one\n', 'of the host\n']);
    const { code, stderr } = await cp(here('work/one'), `${name}:/bound`);
    expect([code, stderr]).toEqual([1, expect.stringContaining('mounted read-only')]);
    expect(readdirSync(here('bound'))).toEqual(['file']);
  });

  it('what is not there is said', async () => {
    expect(await cp(`${name}:/gone`, here('work'))).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(`Could not find the file /gone in container ${name}`),
    });
    expect(await cp(here('work/one'), `${name}:/gone/one`)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('Could not find the directory /gone'),
    });
  });
});

describe('a copy', () => {
  it('runs through pipes, from one container to another', async () => {
    await ok(here('work/tree'), 'running:/tmp/tree');
    const words = [host.command(['cp', 'running:/tmp/tree', '-']), host.command(['cp', '-', 'created:/tmp'])];
    await output(['sh', '-c', words.map((argv) => argv.join(' ')).join(' | ')]);
    await ok('created:/tmp/tree/.', here('work/content'));
    expect(readdirSync(here('work/content')).sort()).toEqual(['deep', 'link']);
    expect(await cp('running:/tmp', 'created:/tmp')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('copying between containers is not supported'),
    });
  });

  it('follows a link at the end only with -L', async () => {
    await ok(here('work/tree'), 'running:/root/links');
    await ok('running:/root/links/link', here('work/kept'));
    await ok('-L', 'running:/root/links/link', here('work/followed'));
    expect(lstatSync(here('work/kept')).isSymbolicLink()).toBe(true);
    expect(read('work/followed')).toBe('two\n');
    await ok('-L', here('work/tree/link'), 'running:/root/two');
    expect(await host.ok(['exec', 'running', 'cat', '/root/two'])).toBe('two');
  });

  it('leads nowhere outside, whatever links in the container say', async () => {
    const secret = here('secret');
    writeFileSync(secret, 'safe\n');
    await host.ok(['exec', 'running', 'sh', '-c', `ln -s ${secret} /root/out; ln -s ${directory} /root/up`]);
    expect((await cp(here('work/one'), 'running:/root/up/secret')).code).toBe(1);
    expect((await cp('-L', 'running:/root/out', here('work/stolen'))).code).toBe(1);
    await cp(here('work/one'), 'running:/root/out');
    expect(read('secret')).toBe('safe\n');
    expect(existsSync(here('work/stolen'))).toBe(false);
  });

  it('keeps owners, or gives them to whom it is for', async () => {
    await host.ok(['create', '--name', 'user', '-u', '33:34', 'busybox', 'true']);
    const owners = async (container: string, path: string) => {
      const tar = host.command(['cp', `${container}:${path}`, '-']).join(' ');
      const listed = await output(['sh', '-c', `${tar} | tar -tv --numeric-owner -f - | awk '{print $2}'`]);
      return listed.trim();
    };
    await output(['chown', '12:34', here('work/one')]);
    await ok(here('work/one'), 'user:/tmp/plain');
    await ok('-a', here('work/one'), 'user:/tmp/archive');
    await ok('-a', here('work/one'), 'running:/tmp/archive');
    expect(await owners('user', '/tmp/plain')).toBe('12/34');
    expect(await owners('user', '/tmp/archive')).toBe('33/34');
    expect(await owners('running', '/tmp/archive')).toBe('12/34');
    await ok('user:/tmp/plain', here('work/mine'));
    await ok('-a', 'user:/tmp/plain', here('work/theirs'));
    expect([statSync(here('work/mine')).uid, statSync(here('work/theirs')).uid]).toEqual([0, 12]);
  });

  it('says what it did, and refuses what cannot be', async () => {
    const { stderr, stdout, code } = await cp(here('work/one'), 'running:/tmp/said');
    expect([code, stdout, stderr]).toEqual([0, '', 'Successfully copied 2.05kB to running:/tmp/said\n']);
    await host.ok(['exec', 'running', 'mkdir', '-p', '/tmp/there/one']);
    expect((await cp(here('work/one'), 'running:/tmp/there')).stderr).toContain('cannot overwrite the directory');
    expect((await cp(here('work/one'), here('work/two'))).stderr).toContain('neither path is in a container');
    expect((await cp(here('work/tree'), 'running:/etc/passwd')).stderr).toContain('cannot copy the directory');
    expect((await cp(here('work/one'), 'nobody:/tmp')).stderr).toMatch(/no.*such container|not found/i);
  });

  it('keeps a read-only container as it is', async () => {
    await host.ok(['create', '--name', 'sealed', '--read-only', '-v', 'sealed:/data', 'busybox', 'true']);
    expect((await cp(here('work/one'), 'sealed:/root/one')).stderr).toContain('mounted read-only');
    await ok(here('work/one'), 'sealed:/data/one');
    await ok('sealed:/data/one', here('work/two'));
    expect(read('work/two')).toBe('one\n');
  });

  it('lets a container start afterwards, with what was copied', async () => {
    await ok(here('work/one'), 'ended:/root/before');
    await host.ok(['start', 'ended']);
    await ok('ended:/root/before', here('work/after'));
    expect(read('work/after')).toBe('one\n');
    await host.ok(['rm', 'ended']);
  });
});
