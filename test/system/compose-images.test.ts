/** `compose build`, also with caches, `push` and `pull` with a real registry, and `up` that ends with a container that fails. */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { DockerRegistry, REGISTRY_LOGIN } from '../lab/docker-registry.ts';
import { HOST_ADDRESS, Host, NEIGHBOUR_ADDRESS } from '../lab/host.ts';
import { importBusybox } from '../lab/image.ts';
import { until } from '../lab/until.ts';

const run = promisify(execFile);

let host: Host;
let registry: DockerRegistry;
let directory: string;
let file: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'gantry-compose-images-'));
  host = await Host.create('pushed');
  registry = await DockerRegistry.start(NEIGHBOUR_ADDRESS, (argv) => host.outside(argv));
  await host.start(['--registry-certs', registry.certificates]);
  await host.ok(['cluster', 'init', '--advertise-addr', HOST_ADDRESS]);
  await importBusybox(host);
  const auth = Buffer.from(`${REGISTRY_LOGIN.username}:${REGISTRY_LOGIN.password}`).toString('base64');
  await mkdir(join(directory, '.docker'));
  await writeFile(join(directory, '.docker/config.json'), JSON.stringify({ auths: { [registry.host]: { auth } } }));
  file = join(directory, 'compose.yaml');
  await writeFile(
    file,
    `name: pushed
services:
  app: { image: "${registry.host}/app:1", build: . }
  db: { image: busybox }
`,
  );
  await writeFile(join(directory, 'Dockerfile'), 'FROM busybox\nRUN echo made >/made\nCMD cat /made\n');
});

afterAll(async () => {
  await host.destroy();
  await registry.destroy();
  await rm(directory, { recursive: true, force: true });
});

const compose = (...args: string[]) => host.gantry(['compose', '-f', file, ...args], { env: { HOME: directory } });

it('pushes what is built, and pulls it again', async () => {
  const app = `${registry.host}/app:1`;
  expect(await compose('build', '-q')).toMatchObject({ code: 0 });
  const pushed = await compose('push');
  expect([pushed.code, pushed.stderr]).toEqual([0, expect.not.stringContaining('warning')]);
  const id = await host.ok(['image', 'inspect', '--format', '{{.Id}}', app]);
  await host.ok(['rmi', app]);
  const pulled = await compose('pull', 'app');
  expect([pulled.code, pulled.stderr]).toEqual([0, expect.not.stringContaining('warning')]);
  expect(await host.ok(['image', 'inspect', '--format', '{{.Id}}', app])).toBe(id);
});

it('takes steps from caches beside the file, on a host that has none, and files of an OCI layout', async () => {
  const cached = join(directory, 'cached');
  await mkdir(join(cached, 'layout'), { recursive: true });
  await host.ok(['save', '-o', join(cached, 'busybox.tar'), 'busybox']);
  await run('tar', ['-xf', join(cached, 'busybox.tar'), '-C', join(cached, 'layout')]);
  await writeFile(
    join(cached, 'Dockerfile'),
    'FROM busybox\nCOPY --from=base /bin/busybox /copied\nRUN echo made >/made\n',
  );
  await writeFile(
    join(cached, 'compose.yaml'),
    `name: cached
services:
  app:
    image: cached:1
    command: cat /made
    build:
      context: .
      additional_contexts: { base: "oci-layout://layout" }
      cache_from: ["type=local,src=cache", "type=registry,ref=${registry.host}/app:cache"]
      cache_to: ["type=local,dest=cache,mode=max", "type=registry,ref=${registry.host}/app:cache"]
`,
  );
  const verb = (...args: string[]) =>
    host.gantry(['compose', '-f', join(cached, 'compose.yaml'), ...args], { env: { HOME: directory } });
  expect(await verb('build')).toMatchObject({
    code: 0,
    stderr: expect.stringContaining(`written to ${registry.host}/app:cache`),
  });
  for (const lost of [join(cached, 'cache'), undefined]) {
    // A container that has ended still has its image, until its node has removed it.
    await verb('down', '-t', '0');
    await until('the image can be removed', async () => (await host.gantry(['rmi', 'cached:1'])).code === 0);
    await host.ok(['builder', 'prune', '-af']);
    if (lost !== undefined) await rm(lost, { recursive: true });
    expect(await verb('up', '--build')).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(/RUN echo made.*\n#\d+ CACHED/),
    });
  }
  await verb('down', '-t', '0');
});

it('up --abort-on-container-failure goes on after one that succeeds, and ends all with one that fails, with its code', async () => {
  const ending = join(directory, 'ending.yaml');
  await writeFile(
    ending,
    `name: ending
services:
  good: { image: busybox, restart: "no", command: sh -c "echo well" }
  bad: { image: busybox, restart: "no", command: sh -c "sleep 1; echo ill; exit 7", depends_on: [good] }
  long: { image: busybox, init: true, command: sleep 1000 }
`,
  );
  const { code, stdout } = await host.gantry(['compose', '-f', ending, 'up', '--abort-on-container-failure']);
  expect(stdout).toContain('good.1 exited with code 0\n');
  expect(stdout).toContain('bad.1 exited with code 7\nAborting on container exit...\n');
  expect(stdout).toMatch(/long\.1 exited with code \d+\n/);
  expect(code).toBe(7);
  expect(await host.ok(['compose', '-f', ending, 'ps', '-q'])).toBe('');
  await host.ok(['compose', '-f', ending, 'down', '-t', '0']);
});
