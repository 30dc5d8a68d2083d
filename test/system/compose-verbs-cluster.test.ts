/** The verbs of `gantry compose` on a cluster: containers on other nodes are as near as those of the own host. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { output } from '../lab/command.ts';
import { Lab } from '../lab/lab.ts';
import { formCluster } from '../lab/lab-cluster.ts';
import type { PoweredHost } from '../lab/powered-host.ts';

const FILE = `
name: wide
services:
  each:
    image: busybox
    init: true
    command: sh -c 'echo here is $$(cat /data/name 2>/dev/null || hostname | tee /data/name); sleep 1000'
    deploy: { mode: global }
    volumes: [data:/data]
  far:
    image: busybox
    init: true
    command: sh -c 'echo far; sleep 1000'
    deploy: { placement: { constraints: [node.hostname==h3] } }
volumes: { data: {} }
`;

let lab: Lab;
let first: PoweredHost;
let file: string;

beforeAll(async () => {
  lab = await Lab.create(await mkdtemp(join(tmpdir(), 'gantry-wide-')), 3);
  await formCluster(lab, () => undefined);
  first = lab.host('h1');
  file = join(lab.directory, 'compose.yaml');
  await writeFile(file, FILE);
});

afterAll(async () => {
  await Lab.destroy(lab.directory);
  await rm(lab.directory, { recursive: true, force: true });
});

function compose(...args: string[]): Promise<string> {
  return first.ok(['compose', '-f', file, ...args]);
}

describe('compose on three hosts', () => {
  it('ps shows the containers of all nodes', async () => {
    await compose('up', '-d', '--wait');
    const rows = await compose('ps', '--format', '{{.Service}} {{.State}} {{.Node}}');
    expect(rows.split('\n').sort()).toEqual([
      'each running h1',
      'each running h2',
      'each running h3',
      'far running h3',
    ]);
  });

  it('logs come from all nodes', async () => {
    const lines = (await compose('logs')).split('\n');
    expect(lines.map((line) => line.split(' ')[0]).sort()).toEqual(['each.h1', 'each.h2', 'each.h3', 'far.1']);
  });

  it('exec reaches a container on another node, from a manager that does not lead, too', async () => {
    const argv = ['compose', '-f', file, 'exec', '-T', 'far', 'sh', '-c', 'read line; echo got $line; exit 5'];
    for (const host of [first, lab.host('h2')]) {
      const { code, stdout } = await host.gantry(argv, { stdin: 'it\n' });
      expect([code, stdout]).toEqual([5, 'got it\n']);
    }
    const each = await Promise.all(
      ['1', '2', '3'].map((index) => compose('exec', '--index', index, 'each', 'hostname')),
    );
    expect(new Set(each).size).toBe(3);
  });

  it('cp reaches containers on other nodes: one of them as it is asked for, or all', async () => {
    const { directory } = lab;
    await writeFile(join(directory, 'note'), 'a note\n');
    const cp = (...args: string[]) => lab.host('h2').gantry(['compose', '-f', file, 'cp', ...args]);
    expect((await cp(join(directory, 'note'), 'far:/tmp')).stderr).toMatch(
      /^Copied .*note to far\.1:\/tmp \(\d.*B\)\n$/,
    );
    expect(await compose('exec', '-T', 'far', 'cat', '/tmp/note')).toBe('a note');
    await compose('cp', join(directory, 'note'), 'each:/tmp/named');
    await compose('cp', '--index', '3', join(directory, 'note'), 'each:/tmp/third');
    const seen = await Promise.all(
      ['1', '2', '3'].map((index) => compose('exec', '-T', '--index', index, 'each', 'ls', '/tmp')),
    );
    expect(seen).toEqual(['named', 'named', 'named\nthird']);
    await compose('cp', 'far:/tmp/note', join(directory, 'back'));
    expect(await readFile(join(directory, 'back'), 'utf8')).toBe('a note\n');
    const tar = first.command(['compose', '-f', file, 'cp', 'far:/tmp', '-']).join(' ');
    expect(await output(['sh', '-c', `${tar} | tar -t`])).toBe('tmp/\ntmp/note\n');
    expect((await cp('far:/nowhere', directory)).stderr).toContain('/nowhere');
    expect((await cp('far:/tmp', 'each:/tmp')).stderr).toContain('copying between services is not supported');
    await compose('stop', 'far');
    await compose('cp', 'far:/tmp/note', join(directory, 'of-stopped'));
    await compose('start', 'far');
  });

  it('pause, top, stats, volumes, export and commit reach other nodes', async () => {
    await compose('pause', 'far');
    expect(await compose('ps', 'far', '--format', '{{.State}}')).toBe('paused');
    await compose('unpause');
    expect(await compose('top', 'far')).toMatch(/^SERVICE .*\nfar +1 .*sleep 1000/s);
    const stats = await compose('stats', '--no-stream', '--format', '{{.Name}}');
    expect(stats).toBe(await compose('ps', '--format', '{{.Name}}'));
    expect((await compose('volumes')).split('\n').map((line) => line.split(/ +/))).toEqual([
      ['DRIVER', 'VOLUME', 'NAME', 'NODE'],
      ...['h1', 'h2', 'h3'].map((name) => ['local', 'wide_data', name]),
    ]);
    const archive = join(lab.directory, 'far.tar');
    await compose('exec', '-T', 'far', 'touch', '/made-here');
    await compose('export', '-o', archive, 'far');
    expect((await output(['tar', '-tf', archive])).split('\n')).toContain('made-here');
    expect(await compose('commit', 'far', 'far:kept')).toMatch(/^sha256:/);
    expect(await lab.host('h3').ok(['images', '-q', 'far:kept'])).not.toBe('');
  });

  it('stop and start bring global services back, with their volumes', async () => {
    const before = await compose('exec', '--index', '2', 'each', 'cat', '/data/name');
    await compose('stop', '-t', '1');
    expect(await compose('ps', '-q')).toBe('');
    await compose('start');
    expect((await compose('ps', '-q', 'each')).split('\n')).toHaveLength(3);
    expect(await compose('exec', '--index', '2', 'each', 'cat', '/data/name')).toBe(before);
  });

  it('down -v removes the volumes of all nodes', async () => {
    await compose('down', '-v', '-t', '1');
    for (const host of lab.hosts) expect(await host.ok(['volume', 'ls', '-q'])).toBe('');
  });
});
