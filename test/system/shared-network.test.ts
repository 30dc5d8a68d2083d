/** On a cluster of three: tasks that share the network or namespaces of another service's are beside those, and stay so whatever is killed. */
import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Lab } from '../lab/lab.ts';
import { formCluster } from '../lab/lab-cluster.ts';
import { until } from '../lab/until.ts';

const REPLICAS = 3;
const PATIENCE_MS = 60_000;
const FORMAT = '{{.ID}}|{{.Name}}|{{.Node}}|{{.DesiredState}}|{{.CurrentState}}';

let lab: Lab;

beforeAll(async () => {
  lab = await Lab.create(await mkdtemp(join(tmpdir(), 'gantry-shared-')), 3);
  await formCluster(lab, () => undefined);
});

afterAll(async () => {
  await Lab.destroy(lab.directory);
  await rm(lab.directory, { recursive: true, force: true });
});

const ok = (...args: string[]) => lab.host('h1').ok(args);

function file(webReplicas: number, word = 'one'): string {
  const path = join(lab.directory, 'shared.yml');
  writeFileSync(
    path,
    `services:
  web:
    image: busybox
    command: ["sh", "-c", "hostname >/tmp/index.html; exec httpd -f -p 80 -h /tmp"]
    hostname: '{{.Task.Name}}'
    environment: {WORD: ${word}}
    init: true
    stop_grace_period: 1s
    deploy: {replicas: ${webReplicas}, restart_policy: {delay: 0s}, update_config: {parallelism: 0, monitor: 1ms}}
  side:
    image: busybox
    command: sleep 1000000
    init: true
    stop_grace_period: 1s
    network_mode: service:web
    deploy: {replicas: ${REPLICAS}, restart_policy: {condition: none}}
`,
  );
  return path;
}

interface Task {
  readonly id: string;
  readonly slot: string;
  readonly node: string;
}

/** Those that run, and are to, by slot. */
async function running(service: string): Promise<Task[]> {
  const lines = (await ok('service', 'ps', '--no-trunc', '--format', FORMAT, service)).split('\n');
  return lines
    .map((line) => line.split('|'))
    .filter(([, , , desired, state]) => desired === 'Running' && state?.startsWith('Running') === true)
    .map(([id = '', name = '', node = '']) => ({ id, slot: name.split('.').at(1) ?? '', node }))
    .sort((a, b) => a.slot.localeCompare(b.slot));
}

async function inside(service: string, { id, node }: Task, script: string): Promise<string> {
  const { stdout } = await lab.host(node).gantry(['exec', `${service}.${id}`, 'sh', '-c', script]);
  return stdout.trim();
}

/** Each web task as the side task of its slot sees it: at its own loopback address. */
async function pairs(): Promise<string[]> {
  const [webs, sides] = [await running('s_web'), await running('s_side')];
  return await Promise.all(
    webs.map(async (web) => {
      const side = sides.find(({ slot }) => slot === web.slot);
      if (side?.node !== web.node) return `${web.slot}: not beside it`;
      const seen = await inside(`s_side.${side.slot}`, side, 'wget -q -O - http://127.0.0.1/index.html');
      return seen === `s_web.${web.slot}.${web.id}` ? 'beside it' : `${web.slot}: sees ${seen}`;
    }),
  );
}

async function untilPaired(count = REPLICAS): Promise<void> {
  await until(
    'each side task to be on the network of the web task of its slot',
    async () => {
      const found = await pairs().catch(() => []);
      return found.length === count && found.every((one) => one === 'beside it');
    },
    PATIENCE_MS,
  );
}

async function otherThan(service: string, old: readonly Task[]): Promise<void> {
  const ids = new Set(old.map(({ id }) => id));
  await until(
    `tasks of ${service} to be replaced`,
    async () => !(await running(service)).some(({ id }) => ids.has(id)),
    PATIENCE_MS,
  );
}

describe('tasks on the network of another service’s', () => {
  it('are placed beside those of the same slot', async () => {
    await ok('stack', 'deploy', '-c', file(REPLICAS), 's');
    await untilPaired();
    expect(new Set((await running('s_web')).map(({ node }) => node)).size).toBe(REPLICAS);
  });

  it('go on when all agents and managers are killed', async () => {
    const before = [await running('s_web'), await running('s_side')];
    for (const host of lab.hosts) {
      await host.kill('gantryd');
      await host.kill('manager');
    }
    await Promise.all(lab.hosts.map((host) => host.start()));
    await until(
      'the managers to answer',
      async () => (await lab.host('h1').gantry(['node', 'ls'])).code === 0,
      PATIENCE_MS,
    );
    await untilPaired();
    expect([await running('s_web'), await running('s_side')]).toEqual(before);
  });

  it('are started again when that task is replaced, whatever their restart policy', async () => {
    const [web] = await running('s_web');
    const [side] = await running('s_side');
    if (web === undefined || side === undefined) throw new Error('no tasks');
    await lab.host(web.node).ok(['kill', `s_web.${web.slot}.${web.id}`]);
    await otherThan('s_web', [web]);
    await otherThan('s_side', [side]);
    await untilPaired();
  });

  it('go along with an update, and with a host that is drained', async () => {
    const before = await running('s_side');
    await ok('stack', 'deploy', '-c', file(REPLICAS, 'two'), 's');
    await untilPaired();
    await otherThan('s_side', before);
    await ok('node', 'update', '--availability', 'drain', 'h3');
    await untilPaired();
    expect((await running('s_side')).some(({ node }) => node === 'h3')).toBe(false);
    await ok('node', 'update', '--availability', 'active', 'h3');
  });

  it('wait for a task of their slot, and say so', async () => {
    await ok('service', 'scale', '--detach', 's_web=1');
    await untilPaired(1);
    const format = ['--format', '{{.CurrentState}}|{{.Error}}'];
    const filter = ['--filter', 'desired-state=running'];
    const reason = /^Pending.*\|"waiting for task s_web\.\d, which there is not, for its network/;
    await until(
      'two of them to say what they wait for',
      async () => {
        const lines = (await ok('service', 'ps', '--no-trunc', ...filter, ...format, 's_side')).split('\n');
        return lines.filter((line) => reason.test(line)).length === REPLICAS - 1;
      },
      PATIENCE_MS,
    );
    await ok('service', 'scale', '-d', `s_web=${REPLICAS}`);
    await untilPaired();
  });

  it('are refused where there are more than can have one', async () => {
    const { code, stderr } = await lab.host('h1').gantry(['stack', 'deploy', '-c', file(REPLICAS - 1), 's']);
    expect(code).toBe(1);
    expect(stderr).toContain('service s_side has 3 tasks, and service s_web, whose network they share, 2');
  });
});

describe('tasks in the namespaces of another service’s', () => {
  const FILE = `services:
  app:
    image: busybox
    command: ["sh", "-c", "hostname >/dev/shm/name; exec sleep 424242"]
    hostname: '{{.Task.Name}}'
    stop_grace_period: 1s
    deploy: {replicas: 2, restart_policy: {delay: 0s}}
  peek:
    image: busybox
    command: sleep 1000000
    stop_grace_period: 1s
    pid: service:app
    ipc: service:app
    deploy: {replicas: 2, restart_policy: {condition: none}}
`;

  /** What each peek task sees of the app task of its slot: its process, and what is in its shared memory. */
  async function untilSeen(): Promise<void> {
    const seen = async () => {
      const [apps, peeks] = [await running('n_app'), await running('n_peek')];
      const found = await Promise.all(
        apps.map(async (app) => {
          const peek = peeks.find(({ slot }) => slot === app.slot);
          if (peek === undefined || peek.node !== app.node) return false;
          const text = await inside(`n_peek.${peek.slot}`, peek, 'cat /dev/shm/name; ps | grep -c "[4]24242"');
          return text === `n_app.${app.slot}.${app.id}\n1`;
        }),
      );
      return found.length === 2 && found.every((one) => one);
    };
    await until('each to see the other of its slot', () => seen().catch(() => false), PATIENCE_MS);
  }

  it('see their processes and their shared memory, also once they are replaced', async () => {
    const path = join(lab.directory, 'namespaces.yml');
    writeFileSync(path, FILE);
    await ok('stack', 'deploy', '-c', path, 'n');
    await untilSeen();
    const [app] = await running('n_app');
    if (app === undefined) throw new Error('no task');
    await lab.host(app.node).ok(['kill', `n_app.${app.slot}.${app.id}`]);
    await otherThan('n_app', [app]);
    await untilSeen();
    await ok('stack', 'rm', 'n');
  });
});
