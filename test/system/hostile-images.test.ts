/** Images that are meant to harm, and registries that stall, as a user meets them: one clear line, and nothing left. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { output } from '../lab/command.ts';
import { ROOT } from '../lab/engine-host.ts';
import { Host } from '../lab/host.ts';
import { until } from '../lab/until.ts';

const PORT = 5000;

let host: Host;
let directory: string;
let registry: ChildProcess;
let said = '';

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'gantry-hostile-'));
  host = await Host.create('hostile');
  await host.start();
  const program = ['node', join(ROOT, 'test/lab/stalling-registry.ts'), String(PORT)];
  const [command = '', ...args] = host.inside(program);
  registry = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  registry.stdout?.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  await until('the registry to be there', () => said.includes('ready'));
});

afterAll(async () => {
  registry.kill('SIGKILL');
  await host.destroy();
  await rm(directory, { recursive: true, force: true });
});

/** Of blobs, layers and snapshots, whole or not. */
async function left(): Promise<string[]> {
  const places = [
    'content/blobs/sha256',
    'content/ingest',
    'content/partial',
    'layers',
    'layers/tmp',
    'layers/trash',
    'snapshots',
  ];
  const names = await Promise.all(places.map((place) => readdir(join(host.dataRoot, place))));
  return names.flat().filter((name) => !['tmp', 'trash', '.tmp', '.trash'].includes(name));
}

describe('a pull from a registry that stalls', () => {
  it.each(['manifest', 'layer'])('in a %s is given up by Ctrl-C, and leaves nothing', async (what) => {
    said = '';
    const [program = '', ...args] = host.command(['pull', `127.0.0.1:${PORT}/${what}/app:1`]);
    const client = spawn(program, args, { stdio: 'ignore' });
    const ended = once(client, 'exit');
    await until('it to stall', () => said.includes('stalled'));
    client.kill('SIGINT');
    expect(await ended).not.toEqual([0, null]);
    await until('the connection to be closed', () => said.includes('closed'));
    await until('nothing to be left', async () => (await left()).length === 0);
    expect(await host.ok(['images', '-q'])).toBe('');
  });
});

describe('an image that is meant to harm', () => {
  /** An archive as `docker save` wrote it, of layers that are tars of what the script makes. */
  async function archive(...scripts: readonly string[]): Promise<string> {
    const work = await mkdtemp(join(directory, 'image-'));
    const layers: string[] = [];
    for (const [index, script] of scripts.entries()) {
      await mkdir(join(work, `${index}`));
      await output(['sh', '-c', `cd ${work}/${index} && ${script}`]);
      layers.push(`${index}/layer.tar`);
    }
    const sums = await Promise.all(layers.map((layer) => output(['sha256sum', join(work, layer)])));
    const diffIds = sums.map((sum) => `sha256:${sum.slice(0, 64)}`);
    const config = { os: 'linux', architecture: 'amd64', rootfs: { type: 'layers', diff_ids: diffIds } };
    await writeFile(join(work, 'config.json'), JSON.stringify(config));
    const manifest = [{ Config: 'config.json', Layers: layers, RepoTags: ['evil:1'] }];
    await writeFile(join(work, 'manifest.json'), JSON.stringify(manifest));
    const file = join(work, 'image.tar');
    await output(['tar', '-C', work, '-cf', file, 'manifest.json', 'config.json', ...layers]);
    return file;
  }

  const GOOD = 'mkdir etc && echo x >etc/motd && tar -cf layer.tar etc';
  it.each<[string, string, RegExp]>([
    [
      'by its names',
      'echo x >evil && tar --transform "s,evil,../../../../evil," -P -cf layer.tar evil',
      /^gantry: unpacking layer 2 of evil:1: entry "\.\.\/\.\.\/\.\.\/\.\.\/evil": the name .* leads outside the root\n$/,
    ],
    [
      'by a link to what it does not have',
      'touch a && ln a b && tar -cf all.tar a b && tar --delete -f all.tar a && mv all.tar layer.tar',
      /^gantry: unpacking layer 2 of evil:1: entry "b": it is a hard link to "a", which is no file of this archive\n$/,
    ],
    [
      'by being cut off',
      'head -c 5000 /dev/zero >a && tar -cf all.tar a && head -c 2000 all.tar >layer.tar',
      /^gantry: unpacking layer 2 of evil:1: tar archive: it ends in the middle of an entry\n$/,
    ],
  ])('%s is refused with its layer and entry, and leaves nothing', async (_, script, message) => {
    const { code, stderr } = await host.gantry(['load', '-i', await archive(GOOD, script)]);
    expect(stderr).toMatch(message);
    expect(code).toBe(1);
    await until('nothing to be left', async () => (await left()).length === 0);
    expect(await host.ok(['images', '-q'])).toBe('');
  });
});
