/** What a Compose file's service can say of its containers beyond what Swarm has: names, logs, hooks, restarts with others, parts of volumes. */
import { readFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { connectClient, unary } from '../../proto/client.ts';
import { ControlClient, StackSpec } from '../../proto/generated/gantry/v1/control.ts';
import {
  DependencyCondition,
  MountType,
  ServiceSpec,
  type TaskSpec,
  UpdateOrder,
} from '../../proto/generated/gantry/v1/types.ts';
import { HOST_ADDRESS, Host } from '../lab/host.ts';
import { importBusybox } from '../lab/image.ts';
import { until } from '../lab/until.ts';

let host: Host;
let control: ControlClient;

beforeAll(async () => {
  host = await Host.create('compose');
  await host.start();
  await host.ok(['cluster', 'init', '--advertise-addr', HOST_ADDRESS]);
  await importBusybox(host);
  connect();
});

afterAll(async () => {
  control.close();
  await host.destroy();
});

function connect(): void {
  control = connectClient(ControlClient, { kind: 'unix', path: `${host.execRoot}/gantry.sock` });
}

type Container = NonNullable<TaskSpec['container']>;
type Rest = Omit<Parameters<typeof ServiceSpec.fromPartial>[0], 'task' | 'annotations'>;

const SLEEP = { image: 'busybox', command: { items: ['sleep', '1000000'] }, init: true };

/** A service of the stack on its network, with one replica. */
function service(
  name: string,
  container: Parameters<typeof TaskSpec.fromPartial>[0]['container'],
  rest: Rest = {},
): ServiceSpec {
  return ServiceSpec.fromPartial({
    mode: { $case: 'replicated', value: { replicas: 1 } },
    update: { monitorMs: 0 },
    ...rest,
    annotations: { name: `s_${name}`, labels: {} },
    task: {
      container: { ...SLEEP, ...container } as Container,
      networks: [{ target: 's_default', aliases: [name] }],
      restart: { condition: 0, delayMs: 100 },
    },
  });
}

/** Deploys these services as stack s, and removes others. */
async function deploy(...services: ServiceSpec[]): Promise<void> {
  const network = { annotations: { name: 's_default', labels: {} }, driver: 'overlay' };
  const stack = StackSpec.fromPartial({ name: 's', services, networks: [network] });
  await unary((done) => control.stackDeploy({ stack, prune: true, dryRun: false }, done));
}

/** Of the newest task of the service: state, message and error. */
async function task(name: string): Promise<string> {
  const listed = await host.look([
    'service',
    'ps',
    '--no-trunc',
    '--format',
    '{{.CurrentState}} {{.Error}}',
    `s_${name}`,
  ]);
  return listed.split('\n')[0] ?? '';
}

const untilTask = (name: string, is: RegExp) =>
  until(`the task of ${name} to be ${is}`, async () => is.test(await task(name)));

async function untilUpdated(name: string): Promise<void> {
  const state = () => host.look(['service', 'inspect', '--format', '{{.UpdateStatus.State}}', `s_${name}`]);
  await until(`the update of ${name} to be completed`, async () => (await state()) === 'completed');
}

async function removeStack(): Promise<void> {
  await host.ok(['stack', 'rm', 's']);
  await until('the containers to be gone', async () => (await host.look(['ps', '-aq', '--filter', 'name=s_'])) === '');
}

/** Also what a test that failed has left. */
async function clear(): Promise<void> {
  await host.gantry(['rm', '-f', 'taken']);
  await host.gantry(['service', 'rm', 'silent']);
  await host.gantry(['stack', 'rm', 's']);
  await until('the containers to be gone', async () => (await host.look(['ps', '-aq'])) === '');
}

describe('container_name', () => {
  afterAll(clear);

  const named = (version: string) =>
    service(
      'web',
      { containerName: 'front', env: [`VERSION=${version}`] },
      { update: { order: UpdateOrder.START_FIRST, monitorMs: 0 } },
    );

  it('names the container for commands on its host, and on its networks', async () => {
    await deploy(named('1'), service('client', {}));
    await untilTask('web', /^Running/);
    await untilTask('client', /^Running/);
    expect(await host.ok(['exec', 'front', 'sh', '-c', 'echo $VERSION'])).toBe('1');
    expect(await host.look(['ps', '--filter', 'name=^front$', '--format', '{{.Names}}'])).toBe('front');
    expect(await host.look(['inspect', '--format', '{{.Name}}', 'front'])).toBe('/front');
    const client = await host.look(['ps', '-q', '--filter', 'name=s_client']);
    await host.ok(['exec', client, 'ping', '-c', '1', '-w', '10', 'front']);
  });

  it('is always one that runs while the service is updated, at the end the new one', async () => {
    const updating = deploy(named('2'), service('client', {}));
    let version = '';
    await until('the new one to have the name', async () => {
      version = await host.ok(['exec', 'front', 'sh', '-c', 'echo $VERSION']);
      return version === '2';
    });
    await updating;
    await untilUpdated('web');
    expect(await host.ok(['exec', 'front', 'sh', '-c', 'echo $VERSION'])).toBe('2');
  });

  it('is refused to whoever comes second, with a reason', async () => {
    const { stderr } = await host.gantry(['run', '-d', '--name', 'front', 'busybox', 'true']);
    expect(stderr).toMatch(/the name "front" is in use by container/);
    await expect(deploy(named('2'), service('other', { containerName: 'front' }))).rejects.toMatchObject({
      code: 'ALREADY_EXISTS',
      message: "service s_other: container name front is service s_web's",
    });
    await host.ok(['run', '-d', '--name', 'taken', 'busybox', 'sleep', '1000']);
    await deploy(named('2'), service('other', { containerName: 'taken' }));
    const errors = () => host.look(['service', 'ps', '--no-trunc', '--format', '{{.Error}}', 's_other']);
    await until('it to be said', async () => /taken.* is in use by container/.test(await errors()));
    await host.ok(['rm', '-f', 'taken']);
    await untilTask('other', /^Running/);
    const { stderr: scaled } = await host.gantry(['service', 'scale', 's_web=2']);
    expect(scaled).toMatch(/only one container can have, and 2 replicas/);
    await removeStack();
  });
});

describe('logging', () => {
  afterEach(clear);

  const chatty = { command: { items: ['sh', '-c', 'yes 0123456789 | head -c 300000; exec sleep 1000000'] } };

  it('is kept as the service says', async () => {
    await deploy(service('web', { ...chatty, log: { maxSizeBytes: 50_000, maxFiles: 2 } }));
    await untilTask('web', /^Running/);
    const id = await host.look(['ps', '-q', '--no-trunc', '--filter', 'name=s_web']);
    expect(await host.look(['inspect', '--format', '{{json .HostConfig.LogConfig}}', id])).toBe(
      '{"Type":"json-file","Config":{"max-file":"2","max-size":"50000"}}',
    );
    const kept = async () => (await host.ok(['logs', id])).length;
    await until('all to be written', async () => (await kept()) > 0);
    expect(await kept()).toBeLessThanOrEqual(100_000);
  });

  it('can be none, which commands say', async () => {
    const flags = ['--name', 'silent', '--log-driver', 'none', '--init', '--update-monitor', '0s', '-q', 'busybox'];
    await host.ok(['service', 'create', ...flags, 'sh', '-c', 'echo hello; exec sleep 1000000']);
    const id = await host.look(['ps', '-q', '--filter', 'name=silent']);
    expect((await host.gantry(['logs', id])).stderr).toMatch(/configured logging driver does not support reading/);
    expect((await host.gantry(['service', 'logs', 'silent'])).stderr).toMatch(/service silent keeps no logs/);
    expect(await host.look(['inspect', '--format', '{{.HostConfig.LogConfig.Type}}:{{.LogPath}}', id])).toBe('none:');
    await host.ok(['service', 'update', '--log-driver', 'local', '--log-opt', 'max-file=2', '-q', 'silent']);
    await until('its log', async () => (await host.ok(['service', 'logs', '--raw', 'silent'])).includes('hello'));
    await host.ok(['service', 'rm', 'silent']);
    const { code, stderr } = await host.gantry(['service', 'create', '--log-driver', 'splunk', 'busybox']);
    expect([code, stderr]).toEqual([125, expect.stringContaining('invalid argument "splunk" for --log-driver')]);
  });
});

describe('hooks', () => {
  afterEach(clear);

  const sh = (script: string, rest: object = {}) => ({ argv: ['sh', '-c', script], ...rest });
  const data = { type: MountType.VOLUME, source: 'hooks', target: '/data' };
  const trace = async () =>
    (await host.ok(['run', '--rm', '-v', 'hooks:/data', 'busybox', 'cat', '/data/trace'])).split('\n');

  it('run after the start and before the stop, as they say', async () => {
    const web = (version: string) =>
      service('web', {
        mounts: [data],
        env: [`VERSION=${version}`],
        postStart: [
          sh('echo "first $(id -g) $MORE $VERSION $(pwd)" >>/data/trace', {
            ...{ user: '0:33', env: ['MORE=more'], dir: '/bin' },
          }),
          sh('echo "second $(id -g)" >>/data/trace'),
        ],
        preStop: [sh('echo "stopping $VERSION" >>/data/trace')],
      });
    await deploy(web('1'));
    await untilTask('web', /^Running/);
    expect(await trace()).toEqual(['first 33 more 1 /bin', 'second 0']);
    await deploy(web('2'));
    await untilUpdated('web');
    expect((await trace()).slice(2)).toEqual(['stopping 1', 'first 33 more 2 /bin', 'second 0']);
    await removeStack();
    expect((await trace()).slice(5)).toEqual(['stopping 2']);
  });

  it('that fail after the start make the task fail, with what they said', async () => {
    await deploy(service('web', { postStart: [sh('echo no such table; exit 3')] }));
    const errors = () => host.look(['service', 'ps', '--no-trunc', '--format', '{{.Error}}', 's_web']);
    await until('the failure', async () => (await errors()).includes('post_start hook 1: exit code 3: no such table'));
    await removeStack();
  });

  it('before the stop have the grace period, and no more', async () => {
    await deploy(service('web', { stopGracePeriodMs: 1000, preStop: [sh('exec sleep 1000')] }));
    await untilTask('web', /^Running/);
    await removeStack();
  });

  it('that gantryd is killed in are run again', async () => {
    const waits = 'echo began >>/data/again; until [ -e /data/go ]; do sleep 0.1; done; echo ended >>/data/again';
    await host.ok(['run', '--rm', '-v', 'hooks:/data', 'busybox', 'sh', '-c', 'rm -f /data/*']);
    await deploy(service('web', { mounts: [data], postStart: [sh('echo once >>/data/again'), sh(waits)] }));
    await untilTask('web', /^Starting/);
    const read = async () =>
      (await host.gantry(['exec', await webId(), 'cat', '/data/again'])).stdout.trim().split('\n');
    await until('the hook to run', async () => (await read()).includes('began'));
    control.close();
    await host.kill();
    await host.start();
    connect();
    await until('the hook to run again', async () => (await read()).filter((line) => line === 'began').length === 2);
    await host.ok(['exec', await webId(), 'touch', '/data/go']);
    await untilTask('web', /^Running/);
    expect((await read()).filter((line) => line === 'once')).toHaveLength(1);
    await removeStack();
  });

  const webId = () => host.look(['ps', '-q', '--filter', 'name=s_web']);
});

describe('depends_on', () => {
  afterEach(clear);

  it('with restart rolls after what it depends on, and with required: false does without', async () => {
    const { HEALTHY, COMPLETED } = DependencyCondition;
    const front = service(
      'front',
      {},
      {
        dependencies: [
          { service: 's_db', condition: HEALTHY, restart: true },
          { service: 's_gone', condition: COMPLETED, optional: true },
        ],
      },
    );
    const db = (version: string) => service('db', { env: [`V=${version}`] }, { update: { monitorMs: 0 } });
    const started = async (name: string) => {
      const id = await host.look(['ps', '-q', '--filter', `name=s_${name}`]);
      return host.look(['inspect', '--format', '{{.State.StartedAt}}', id]);
    };
    await deploy(db('1'), front);
    await untilTask('front', /^Running/);
    const before = await started('front');
    await deploy(db('1'), front);
    expect(await started('front')).toBe(before);
    await deploy(db('2'), front);
    await untilUpdated('db');
    await untilUpdated('front');
    expect((await started('front')) > (await started('db'))).toBe(true);
    expect(await started('front')).not.toBe(before);
    await removeStack();
  });
});

describe('mounts', () => {
  afterEach(clear);

  it('can be of a part of a volume, of one that must be there, and of memory with options', async () => {
    await host.ok([
      'run',
      '--rm',
      '-v',
      'parts:/v',
      'busybox',
      'sh',
      '-c',
      'mkdir /v/in && echo part >/v/in/file && ln -s / /v/out',
    ]);
    const volume = { type: MountType.VOLUME, source: 'parts', volumeExternal: true };
    const memory = { type: MountType.TMPFS, target: '/m', tmpfsOptions: ['exec', 'uid=33'] };
    await deploy(service('web', { mounts: [{ ...volume, target: '/part', subpath: 'in' }, memory] }));
    await untilTask('web', /^Running/);
    const id = await host.look(['ps', '-q', '--filter', 'name=s_web']);
    expect(await host.ok(['exec', id, 'cat', '/part/file'])).toBe('part');
    expect(await host.ok(['exec', id, 'stat', '-c', '%u', '/m'])).toBe('33');
    expect(await host.ok(['exec', id, 'sh', '-c', 'cp /bin/busybox /m/true && /m/true && echo runs'])).toBe('runs');
    await expect(
      deploy(service('web', { mounts: [{ ...volume, source: 'nowhere', target: '/v' }] })),
    ).rejects.toMatchObject({
      code: 'NOT_FOUND',
      message: 'service s_web: external volume "nowhere" is on no node',
    });
    await deploy(service('web', { mounts: [{ ...volume, target: '/v', subpath: 'missing' }] }));
    const errors = () => host.look(['service', 'ps', '--no-trunc', '--format', '{{.Error}}', 's_web']);
    await until('it to be said', async () => (await errors()).includes('volume parts has no missing'));
    // A link in the volume means a place in it.
    await deploy(service('web', { mounts: [{ ...volume, target: '/v', subpath: 'out' }] }));
    await untilTask('web', /^Running/);
    const linked = await host.look(['ps', '-q', '--filter', 'name=s_web']);
    expect(await host.ok(['exec', linked, 'ls', '/v'])).toBe('in\nout');
    await removeStack();
  });
});

describe('a Compose file', () => {
  afterEach(clear);

  it('says all of that', async () => {
    const file = `
services:
  web:
    image: busybox
    command: sleep 1000000
    init: true
    container_name: front
    logging: {driver: local, options: {max-size: 1m}}
    post_start: [{command: [sh, -c, 'echo started >/started']}]
    pre_stop: [{command: 'true'}]
    depends_on: {db: {condition: service_started, restart: true, required: false}}
    networks: {plain: {interface_name: first}, other: {gw_priority: 1, mac_address: '02:42:0a:4d:00:07'}}
    tmpfs: '/memory:exec,uid=33'
  db: {image: busybox, command: sleep 1000000, init: true, container_name: back, network_mode: none}
networks: {plain: {}, other: {}}
`;
    await host.ok(['stack', 'deploy', '-c', '-', 's'], { stdin: file });
    const inside = (name: string, ...argv: string[]) => host.ok(['exec', name, ...argv]);
    expect(await inside('front', 'cat', '/started')).toBe('started');
    expect(await host.look(['inspect', '--format', '{{.HostConfig.LogConfig.Type}}', 'front'])).toBe('local');
    expect(await inside('front', 'cat', '/sys/class/net/eth0/address')).toBe('02:42:0a:4d:00:07');
    expect(await inside('front', 'ls', '/sys/class/net')).toBe('eth0\nfirst\nlo');
    expect(await inside('front', 'ip', 'route')).toMatch(/^default via \S+ dev eth0/);
    expect(await inside('back', 'ls', '/sys/class/net')).toBe('lo');
    expect(await host.ok(['stack', 'deploy', '-c', '-', 's'], { stdin: file })).not.toContain('Updat');
  });
});

it('leaves nothing in the log but what was to be expected', () => {
  const complaints = readFileSync(host.logPath, 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('{"level":50'));
  expect(complaints).toEqual([]);
});
