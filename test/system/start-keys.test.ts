/** Keys of a compose file that say what happens before a service's container starts, and what it is given of its host. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { HOST_ADDRESS, Host } from '../lab/host.ts';
import { importBusybox } from '../lab/image.ts';
import { until } from '../lab/until.ts';

const PATIENCE_MS = 30_000;
const CDI_FILE = `/var/run/cdi/gantry-test-${process.pid}.json`;
const GPU_FILE = `/var/run/cdi/gantry-test-${process.pid}-gpus.json`;
const KIND = `test${process.pid}.gantry/null`;

let host: Host;
let directory: string;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'gantry-start-'));
  host = await Host.create('start');
  await host.start(['--node-generic-resource', 'gpu=/dev/zero', '--node-generic-resource', `tpu=${KIND}=one`]);
  await host.ok(['cluster', 'init', '--advertise-addr', HOST_ADDRESS]);
  await importBusybox(host);
});

afterEach(async () => {
  await host.gantry(['stack', 'rm', 's']);
});

afterAll(async () => {
  rmSync(directory, { recursive: true, force: true });
  rmSync(CDI_FILE, { force: true });
  rmSync(GPU_FILE, { force: true });
  await host.destroy();
});

function deploy(text: string) {
  writeFileSync(join(directory, 'stack.yml'), text);
  return host.gantry(['stack', 'deploy', '-c', 'stack.yml', 's'], { cwd: directory });
}

const SERVICE = 'image: busybox\n    command: sleep 1000000\n    init: true\n    stop_grace_period: 1s';
/** Of `deploy`: an update is over once its tasks run. */
const UNWATCHED = 'update_config: {parallelism: 0, monitor: 1ms}';

/** Ids of the service's containers. */
async function containers(service: string): Promise<string[]> {
  const ids = await host.look(['ps', '-q', '--no-trunc', '--filter', `name=s_${service}.`]);
  return ids.split('\n').filter((id) => id !== '');
}

async function inside(service: string, script: string): Promise<string> {
  const [id = ''] = await containers(service);
  return await host.ok(['exec', id, 'sh', '-c', script]);
}

describe('pre_start hooks', () => {
  const file = (once: string, each: string, replicas: number, word = 'one') => `services:
  web:
    ${SERVICE}
    environment: {WORD: ${word}, KEPT: service}
    volumes: ['data:/data']
    deploy: {replicas: ${replicas}, restart_policy: {delay: 0s}, ${UNWATCHED}}
    pre_start:
      - command: [sh, -c, '${once}']
        environment: {KEPT: hook}
      - command: [sh, -c, '${each}']
        image: other
        per_replica: true
volumes:
  data:
`;
  const ONCE = 'echo once $$WORD $$KEPT >>/data/log';
  const EACH = 'echo each >>/data/log';
  const log = async () => (await inside('web', 'sort /data/log | uniq -c')).replace(/ +/g, ' ').trim();

  beforeAll(async () => {
    await host.ok(['tag', 'busybox', 'other']);
  });

  afterEach(async () => {
    await host.gantry(['stack', 'rm', 's']);
    await until(
      'the volume to be free',
      async () => (await host.gantry(['volume', 'rm', 's_data'])).code === 0,
      PATIENCE_MS,
    );
  });

  it('run once for each version, and each for each task, in containers that are gone then', async () => {
    expect(await deploy(file(ONCE, EACH, 2))).toMatchObject({ code: 0 });
    expect(await log()).toBe('2 each\n 1 once one hook');
    expect(await deploy(file(ONCE, EACH, 3))).toMatchObject({ code: 0 });
    expect(await log()).toBe('3 each\n 1 once one hook');
    expect((await host.look(['ps', '-aq', '--filter', 'name=s_web.'])).split('\n')).toHaveLength(3);
    const [first = ''] = await containers('web');
    await host.ok(['kill', first]);
    await until(
      'another task to take the place',
      async () => {
        const ids = await containers('web');
        return ids.length === 3 && !ids.includes(first);
      },
      PATIENCE_MS,
    );
    expect(await log()).toBe('4 each\n 1 once one hook');
    expect(await deploy(file(ONCE, EACH, 1, 'two'))).toMatchObject({ code: 0 });
    expect(await log()).toContain('1 once two hook');
  });

  it('keep the service from starting when one fails, with what it has printed last', async () => {
    writeFileSync(join(directory, 'stack.yml'), file('echo no such table; exit 3', EACH, 2));
    await host.ok(['stack', 'deploy', '--detach', '-c', join(directory, 'stack.yml'), 's']);
    const errors = () => host.look(['service', 'ps', '--no-trunc', '--format', '{{.Error}}', 's_web']);
    const failure = 'pre_start hook 1: exit code 3: no such table';
    await until('the failure', async () => (await errors()).includes(failure), PATIENCE_MS);
    expect(await containers('web').then((ids) => ids.length)).toBe(0);
  });

  it('go on when gantryd is killed', async () => {
    const slow = 'echo begun >>/data/log; while [ ! -e /data/go ]; do sleep 0.1; done; echo done >>/data/log';
    writeFileSync(join(directory, 'stack.yml'), file(slow, EACH, 1));
    await host.ok(['stack', 'deploy', '--detach', '-c', join(directory, 'stack.yml'), 's']);
    const hook = async () => (await host.look(['ps', '-q', '--filter', 'name=pre_start-1'])).split('\n')[0] ?? '';
    await until('the hook to run', async () => (await hook()) !== '', PATIENCE_MS);
    await host.kill();
    await host.start(['--node-generic-resource', 'gpu=/dev/zero', '--node-generic-resource', `tpu=${KIND}=one`]);
    await host.ok(['exec', await hook(), 'touch', '/data/go']);
    await until(
      'the service to run',
      async () => (await host.look(['service', 'ls', '--format', '{{.Replicas}}'])) === '1/1',
      PATIENCE_MS,
    );
    expect(await log()).toBe('1 begun\n 1 done\n 1 each');
  });
});

describe('a port of a range', () => {
  const file = (range: string, word: string) => `services:
  web:
    ${SERVICE}
    environment: {WORD: ${word}}
    ports: ['${range}:80']
    deploy: {${UNWATCHED}}
  taken:
    ${SERVICE}
    ports: ['18000:80']
`;
  const ports = (service: string) =>
    host.look(['service', 'ls', '--filter', `name=${service}`, '--format', '{{.Ports}}']);

  it('is one that is free, and stays', async () => {
    expect(await deploy(file('18000-18005', 'one'))).toMatchObject({ code: 0 });
    expect(await ports('s_web')).toBe('*:18001->80/tcp');
    expect(await deploy(file('18000-18005', 'two'))).toMatchObject({ code: 0 });
    expect(await ports('s_web')).toBe('*:18001->80/tcp');
    expect(await deploy(file('18003-18005', 'two'))).toMatchObject({ code: 0 });
    expect(await ports('s_web')).toBe('*:18003->80/tcp');
  });

  it('is one that is free on the host, of a container', async () => {
    const run = (name: string) =>
      host.ok(['run', '-d', '--init', '--name', name, '-p', '18010-18011:80', 'busybox', 'sleep', '1000']);
    await run('port-a');
    await run('port-b');
    try {
      expect(await host.look(['port', 'port-a'])).toContain(':18010');
      expect(await host.look(['port', 'port-b'])).toContain(':18011');
      const third = await host.gantry([
        'run',
        '-d',
        '--name',
        'port-c',
        '-p',
        '18010-18011:80',
        'busybox',
        'sleep',
        '1000',
      ]);
      expect(third.stderr).toContain('no port of 18010-18011 is free');
    } finally {
      await host.gantry(['rm', '-f', 'port-a', 'port-b', 'port-c']);
    }
  });
});

describe('what a service is given', () => {
  it('are images to read', async () => {
    const file = (subpath: string) => `services:
  web:
    ${SERVICE}
    volumes:
      - {type: image, source: busybox, target: /whole}
      - {type: image, source: busybox, target: /part, image: {subpath: ${subpath}}}
`;
    expect(await deploy(file('etc'))).toMatchObject({ code: 0 });
    expect(await inside('web', 'cat /whole/etc/passwd')).toBe(await inside('web', 'cat /part/passwd'));
    expect(await inside('web', 'touch /whole/x 2>&1; touch /part/x 2>&1; true')).toMatch(/Read-only[\s\S]*Read-only/);
    const run = [
      'run',
      '--rm',
      '--mount',
      'type=image,source=busybox,target=/i,image-subpath=etc',
      'busybox',
      'cat',
      '/i/passwd',
    ];
    expect(await host.ok(run)).toContain('root:x:0:0');
  });

  it('are devices of its host, by number and by name', async () => {
    mkdirSync('/var/run/cdi', { recursive: true });
    const containerEdits = { env: ['FROM_CDI=yes'], deviceNodes: [{ path: '/dev/one', hostPath: '/dev/null' }] };
    writeFileSync(
      CDI_FILE,
      JSON.stringify({ cdiVersion: '0.6.0', kind: KIND, devices: [{ name: 'one', containerEdits }] }),
    );
    const file = (key: string, resources = '{}') =>
      `services:\n  web:\n    ${SERVICE}\n    ${key}\n    deploy: {${UNWATCHED}, resources: ${resources}}\n`;
    expect(await deploy(file('gpus: [{count: 1}]'))).toMatchObject({ code: 0 });
    expect(await inside('web', 'echo $DOCKER_RESOURCE_GPU; head -c 3 /dev/zero | wc -c')).toBe('/dev/zero\n3');
    const reserved = '{reservations: {devices: [{capabilities: [tpu], count: 1}]}}';
    expect(await deploy(file('', reserved))).toMatchObject({ code: 0 });
    expect(await inside('web', 'echo $FROM_CDI; test -c /dev/one && echo there')).toBe('yes\nthere');
    expect(await deploy(file(`devices: ['${KIND}=one']`))).toMatchObject({ code: 0 });
    expect(await inside('web', 'echo $FROM_CDI; test -c /dev/one && echo there')).toBe('yes\nthere');
  });

  it('are all GPUs of its host, or some by number, as its CDI files have them', async () => {
    mkdirSync('/var/run/cdi', { recursive: true });
    const device = (name: string) => ({
      name,
      containerEdits: {
        env: [`GPU_${name.toUpperCase()}=yes`],
        deviceNodes: [{ path: '/dev/gpu', hostPath: '/dev/null' }],
      },
    });
    const devices = ['0', '1', 'all'].map(device);
    writeFileSync(GPU_FILE, JSON.stringify({ cdiVersion: '0.6.0', kind: 'nvidia.com/gpu', devices }));
    const reserved = '{driver: nvidia, count: all, capabilities: [gpu]}';
    const keys = `deploy: {resources: {reservations: {devices: [${reserved}]}}}`;
    expect(await deploy(`services:\n  web:\n    ${SERVICE}\n    ${keys}\n`)).toMatchObject({ code: 0 });
    expect(await inside('web', 'echo $GPU_ALL; test -c /dev/gpu && echo there')).toBe('yes\nthere');
    const run = (gpus: string) =>
      host.ok(['run', '--rm', '--gpus', gpus, 'busybox', 'sh', '-c', 'echo a$GPU_ALL 0$GPU_0 1$GPU_1']);
    expect(await run('all')).toBe('ayes 0 1');
    expect(await run('2')).toBe('a 0yes 1yes');
    expect(await run('"device=1"')).toBe('a 0 1yes');
    const named = ['run', '--rm', '--device', 'nvidia.com/gpu=0', 'busybox', 'sh', '-c', 'echo $GPU_0'];
    expect(await host.ok(named)).toBe('yes');
  });

  it('are addresses of their link, by which their neighbours reach them', async () => {
    const file = `services:
  web:
    ${SERVICE}
    networks: {net: {link_local_ips: [169.254.7.8, 'fe80::7:8']}}
networks:
  net: {driver: overlay, attachable: true}
`;
    expect(await deploy(file)).toMatchObject({ code: 0 });
    expect(await inside('web', 'ip addr show eth0')).toMatch(/inet 169\.254\.7\.8\/16[\s\S]*inet6 fe80::7:8\/64/);
    const neighbour = ['run', '--rm', '--network', 's_net', '--link-local-ip', '169.254.7.9', 'busybox'];
    expect(await host.ok([...neighbour, 'ping', '-c', '1', '-W', '5', '169.254.7.8'])).toContain('1 packets received');
    const wrong = await host.gantry(['run', '--rm', '--link-local-ip', '10.0.0.1', 'busybox', 'true']);
    expect(wrong.stderr).toContain('"10.0.0.1" is not a link-local address');
  });

  it('are no addresses that are kept free', async () => {
    const file = `services:
  web:
    ${SERVICE}
    networks: [net]
    deploy: {replicas: 4}
networks:
  net:
    driver: overlay
    ipam: {config: [{subnet: 10.88.0.0/28, aux_addresses: {router: 10.88.0.2, printer: 10.88.0.3}}]}
`;
    expect(await deploy(file)).toMatchObject({ code: 0 });
    const addresses = await Promise.all(
      (await containers('web')).map((id) => host.ok(['exec', id, 'ip', '-4', 'addr', 'show', 'eth0'])),
    );
    expect(addresses).toHaveLength(4);
    for (const text of addresses) expect(text).not.toMatch(/inet 10\.88\.0\.[23]\//);
  });
});
