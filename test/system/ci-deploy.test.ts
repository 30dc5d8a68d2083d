/** examples/ci in a cluster of two, from a machine that is not in it: one version that works, one that doesn't, and the way back. */
import { cpSync, writeFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type CommandResult, output, runCommand } from '../lab/command.ts';
import { makeCertificate } from '../lab/docker-registry.ts';
import { ROOT } from '../lab/engine-host.ts';
import type { Host } from '../lab/host.ts';
import { importBusybox } from '../lab/image.ts';
import { Lan } from '../lab/lan.ts';
import { fetchOne } from '../lab/requests.ts';

const PASSWORD = 'of the ci job';

let lan: Lan;
let manager: Host;
let worker: Host;
let outside: Host;
let directory: string;
let registry: string;
let cluster: string;

beforeAll(async () => {
  lan = await Lan.create('ci', 3);
  [manager, worker, outside] = lan.hosts as [Host, Host, Host];
  directory = await mkdtemp(join(tmpdir(), 'gantry-ci-'));
  registry = `${manager.address}:5000`;
  await makeRegistryFiles();
  const trusted = ['--registry-certs', join(directory, 'certs.d')];
  await Promise.all([manager.start([...registryFlags(), ...trusted]), worker.start(trusted)]);
  await importBusybox(manager);
  await manager.ok(['cluster', 'init', '--advertise-addr', manager.address]);
  const token = await manager.ok(['cluster', 'join-token', '-q', 'worker']);
  await worker.ok(['cluster', 'join', '--token', token, `${manager.address}:2377`]);
  cluster = await manager.ok(['client', 'create', 'ci', '--role', 'admin', '-o', '-']);
  cpSync(join(ROOT, 'examples/ci'), join(directory, 'project'), { recursive: true });
});

afterAll(async () => {
  await lan.destroy();
  await rm(directory, { recursive: true, force: true });
});

async function makeRegistryFiles(): Promise<void> {
  const { certificate, key } = await makeCertificate(manager.address);
  await mkdir(join(directory, 'certs.d', registry), { recursive: true });
  await writeFile(join(directory, 'certs.d', registry, 'ca.crt'), certificate);
  await writeFile(join(directory, 'key.pem'), key, { mode: 0o600 });
  await writeFile(join(directory, 'users'), `ci:${await output(['openssl', 'passwd', '-6', PASSWORD])}`);
}

function registryFlags(): string[] {
  return [
    ...['--registry-addr', '0.0.0.0:5000', '--registry-users', join(directory, 'users')],
    ...[
      '--registry-cert',
      join(directory, 'certs.d', registry, 'ca.crt'),
      '--registry-key',
      join(directory, 'key.pem'),
    ],
  ];
}

/** The job, as a CI system runs it. */
function job(version: string): Promise<CommandResult> {
  const env = {
    GANTRY: join(ROOT, 'cli/bin/gantry'),
    GANTRY_HOST: '',
    GANTRY_CONTEXT: '',
    HOME: outside.directory,
    VERSION: version,
    REGISTRY: registry,
    CLUSTER: cluster,
    REGISTRY_PASSWORD: PASSWORD,
    TIMEOUT: '60s',
  };
  return runCommand(outside.inside([join(directory, 'project/deploy')]), { env });
}

const page = async (host: Host) => (await fetchOne(outside.inside([]), `http://${host.address}:8080/`)).trim();

it('deploys a version, and goes back to it when the next one does not start', async () => {
  const first = await job('1');
  expect(first).toMatchObject({ code: 0 });
  expect(first.stdout).toContain('+ service shop_web: starts 2 tasks\n');
  expect(first.stdout).toContain('shop_web: 2/2 running\n');
  for (const host of [manager, worker]) expect(await page(host)).toBe('shop 1');

  const second = await job('2');
  expect(second).toMatchObject({ code: 0 });
  expect(second.stdout).toContain('~ service shop_web: rolls 2 of 2 tasks, one at a time, start-first\n');
  expect(second.stdout).toContain(`    image: ${registry}/shop/web:1 → ${registry}/shop/web:2\n`);
  expect(await page(worker)).toBe('shop 2');

  writeFileSync(join(directory, 'project/app/serve'), '#!/bin/sh\necho cannot read its settings\nexit 3\n');
  const third = await job('3');
  expect(third.code).toBe(1);
  expect(third.stderr).toContain('cannot read its settings');
  expect(third.stderr).toMatch(/exit code 3/);
  expect(third.stdout).toContain('Going back to version 2 of stack shop\n');
  expect(third.stderr).toMatch(/gantry: version 3 of stack shop failed and was taken back: version 2 runs again\n$/);
  for (const host of [manager, worker]) expect(await page(host)).toBe('shop 2');
});
