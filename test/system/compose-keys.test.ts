/** What a user sees of the keys of a compose file once its services run: each does what it says. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { HOST_ADDRESS, Host } from '../lab/host.ts';
import { importBusybox } from '../lab/image.ts';

let host: Host;
let directory: string;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'gantry-keys-'));
  host = await Host.create('keys');
  await host.start();
  await host.ok(['cluster', 'init', '--advertise-addr', HOST_ADDRESS]);
  await importBusybox(host);
});

afterEach(async () => {
  for (const stack of (await host.ok(['stack', 'ls', '--format', '{{.Name}}']))
    .split('\n')
    .filter((name) => name !== '')) {
    await host.ok(['stack', 'rm', stack]);
  }
});

afterAll(async () => {
  rmSync(directory, { recursive: true, force: true });
  await host.destroy();
});

function write(name: string, text: string): void {
  mkdirSync(dirname(join(directory, name)), { recursive: true });
  writeFileSync(join(directory, name), text);
}

function deploy(stack: string, ...flags: string[]) {
  return host.gantry(['stack', 'deploy', ...flags, stack], { cwd: directory });
}

/** In the container of the service's first task. */
async function inside(service: string, script: string): Promise<string> {
  const ids = await host.look(['ps', '--no-trunc', '--filter', `name=${service}`, '--format', '{{.ID}}']);
  return await host.ok(['exec', ids.split('\n')[0] ?? '', 'sh', '-c', script]);
}

const SERVICE = 'image: busybox\n    command: sleep 1000\n    init: true';

describe('a stack', () => {
  it('has what the keys of its services say', async () => {
    write('labels.env', 'TIER=front\n');
    write(
      'seccomp.json',
      '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir"],"action":"SCMP_ACT_ERRNO"}]}',
    );
    write(
      'stack.yml',
      `services:
  web:
    ${SERVICE}
    links: ['db:database']
    devices: ['/dev/null:/dev/other:rw']
    pid: host
    uts: host
    cpus: 0.5
    mem_limit: 64m
    pids_limit: 50
    security_opt: ['no-new-privileges:true', 'seccomp:./seccomp.json']
    label_file: labels.env
    extra_hosts: ['outside=host-gateway']
    volumes_from: ['db:ro']
  db:
    ${SERVICE}
    scale: 2
    ipc: host
    volumes: ['data:/data']
    tmpfs: ['/scratch:size=1m']
volumes:
  data:
`,
    );
    expect(await deploy('keys', '-c', 'stack.yml')).toMatchObject({ code: 0 });
    expect(await host.ok(['service', 'ls', '--format', '{{.Name}} {{.Replicas}}'])).toContain('keys_db 2/2');
    expect(await inside('keys_web', 'nslookup database >/dev/null && nslookup db >/dev/null && echo found')).toBe(
      'found',
    );
    expect(await inside('keys_web', 'test -c /dev/other && cat /dev/other && echo read')).toBe('read');
    expect(await inside('keys_web', "grep -o 'NoNewPrivs:.*1' /proc/self/status | tr -d '\\t'")).toBe('NoNewPrivs:1');
    expect(await inside('keys_web', 'mkdir /tmp/x 2>&1; echo $?')).toContain('Operation not permitted');
    expect(await inside('keys_web', 'grep -c outside /etc/hosts')).toBe('1');
    expect(await inside('keys_web', 'touch /data/x 2>&1; ls -d /data')).toMatch(/Read-only file system[\s\S]*\/data/);
    expect(await inside('keys_web', 'ls -d /scratch 2>&1 || true')).toContain('No such file');
    expect(await inside('keys_db', 'touch /data/x /scratch/x && echo written')).toBe('written');
    const inspected = await host.ok(['service', 'inspect', 'keys_web']);
    expect(inspected).toContain('"TIER": "front"');
    expect(JSON.parse(inspected)[0].Spec.TaskTemplate.Resources.Limits).toMatchObject({
      NanoCPUs: 5e8,
      MemoryBytes: 64 * 2 ** 20,
      Pids: 50,
    });
  });

  it('is found by name, with its override, profiles and variables', async () => {
    write('found/compose.yaml', `services:\n  web:\n    ${SERVICE}\n    environment: {A: '$WORD'}\n`);
    write('found/compose.override.yaml', `services:\n  more:\n    ${SERVICE}\n    profiles: [extra]\n`);
    write('one.env', 'WORD=one\n');
    write('two.env', 'WORD=$WORD-two\n');
    const flags = ['--project-directory', 'found', '--env-file', 'one.env', '--env-file', 'two.env'];
    expect(await deploy('found', ...flags)).toMatchObject({ code: 0 });
    expect(await host.ok(['service', 'ls', '--format', '{{.Name}}'])).toBe('found_web');
    expect(await inside('found_web', 'echo $A')).toBe('one-two');
    expect(await deploy('found', ...flags, '--profile', 'extra')).toMatchObject({ code: 0 });
    expect((await host.ok(['service', 'ls', '--format', '{{.Name}}'])).split('\n').sort()).toEqual([
      'found_more',
      'found_web',
    ]);
  });

  it('is built with all that its builds say, each after those that it is made from', async () => {
    write('token.txt', 'hunter2');
    write('files/word', 'from a directory');
    write('app/docker/Other', 'FROM base\nCOPY --from=files word /word\nARG A\nRUN echo "$A" >/arg\n');
    write(
      'stack.yml',
      `services:
  app:
    build:
      context: app
      dockerfile: docker/Other
      args: {A: told}
      additional_contexts: {base: 'service:base', files: ./files}
      labels: {made: here}
      tags: ['app:extra']
    command: sleep 1000
    init: true
  base:
    build:
      dockerfile_inline: |
        FROM busybox
        RUN --mount=type=secret,id=token cat /run/secrets/token | wc -c >/size
        RUN grep -c known /etc/hosts >/known; df -k /dev/shm | tail -1 | awk '{print $$2}' >/shm; ulimit -n >/files
      secrets: [token]
      extra_hosts: ['known=1.2.3.4']
      shm_size: 2m
      ulimits: {nofile: 123}
      network: none
      provenance: false
    scale: 0
secrets:
  token: {file: token.txt}
`,
    );
    expect(await deploy('built', '-c', 'stack.yml')).toMatchObject({ code: 0 });
    expect(await inside('built_app', 'cat /word /arg /size /known /shm /files | tr "\\n" " "')).toBe(
      'from a directorytold 7 1 2048 123',
    );
    expect(await host.ok(['image', 'inspect', '--format', '{{.Config.Labels.made}}', 'app:extra'])).toBe('here');
  });

  it.each([
    ['build: {context: none}', /stack\.yml:\d+:\d+: services\.web\.build: /],
    ['build: {dockerfile: none}', /stack\.yml:\d+:\d+: services\.web\.build: .*Dockerfile/],
    [
      'build: {dockerfile_inline: FROM busybox, platforms: [linux/s390x, linux/ppc64le]}',
      /services\.web\.build: none of the platforms linux\/s390x, linux\/ppc64le is this host's/,
    ],
    ['build: {dockerfile_inline: FROM busybox, ssh: ["id=./nokey"]}', /services\.web\.build: .*nokey/],
  ])('with %s is refused with its place', async (build, message) => {
    write('stack.yml', `services:\n  web:\n    ${build}\n`);
    const { code, stderr } = await deploy('bad', '-c', 'stack.yml');
    expect(stderr).toMatch(message);
    expect(code).toBe(1);
    expect(await host.ok(['stack', 'ls', '--format', '{{.Name}}'])).toBe('');
  });
});
