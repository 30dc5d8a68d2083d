import { describe, expect, it } from 'vitest';
import { Consequence, type StackChange, type StackSpec } from '../../../proto/generated/gantry/v1/control.ts';
import {
  DependencyCondition,
  FailureAction,
  MountType,
  PublishMode,
  ServiceSpec,
  UpdateOrder,
} from '../../../proto/generated/gantry/v1/types.ts';
import { node, serviceSpec, task } from '../../objects.testing.ts';
import type { TaskObject } from '../../store/task.ts';
import { existingAfter, NOTHING, plan, stack } from '../stack-plan.testing.ts';
import type { Existing } from '../stack-plan.ts';
import { describePlan } from './describe-plan.ts';

const NODES = [node('n1'), node('n2', { labels: { zone: 'a' } })];
const net = { annotations: { name: 's_net', labels: {} }, driver: 'bridge' };
const file = (name: string, text: string) => ({ annotations: { name, labels: {} }, data: Buffer.from(text) });

type Part = Parameters<typeof ServiceSpec.fromPartial>[0];

/** A service on a network, with a config and a secret; `part` and `container` are laid over it. */
function web(part: Part = {}, container: object = {}): ServiceSpec {
  const base = serviceSpec('s_web', { networks: ['s_net'], configs: ['s_conf'], secrets: ['s_key'], replicas: 2 });
  const { task: bare } = base;
  const laid = { ...bare, container: { ...bare?.container, ...container } };
  for (const file of [...(laid.container.configs ?? []), ...(laid.container.secrets ?? [])]) file.mode = 0o444;
  return ServiceSpec.fromPartial({ ...base, task: laid, ...part } as Part);
}

function whole(service: ServiceSpec, { config = 'one', secret = 'hush', labels = {} } = {}): StackSpec {
  const networks = [{ ...net, annotations: { name: 's_net', labels } }];
  return stack([service], { networks, configs: [file('s_conf', config)], secrets: [file('s_key', secret)] });
}

/** Two tasks that run what was deployed first. */
function tasksOf(id: string): TaskObject[] {
  return [1, 2].map((slot) => task(`t${slot}`, { serviceId: id, slot, nodeId: `n${slot}`, specVersion: 1 }));
}

function difference(before: StackSpec, after: StackSpec, prune = false): StackChange[] {
  const existing: Existing = { ...existingAfter(plan({ ...NOTHING, nodes: NODES }, before)), nodes: NODES };
  return describePlan(plan(existing, after, prune), existing, tasksOf);
}

const ofService = (changes: readonly StackChange[]) => changes.find(({ name }) => name === 's_web');

/** "image: web:1 → web:2" of the service. */
function fields(before: ServiceSpec, after: ServiceSpec): string[] {
  return linesOf(ofService(difference(whole(before), whole(after))));
}

function linesOf(change: StackChange | undefined): string[] {
  return (change?.fields ?? []).map((one) => `${one.field}: ${one.before ?? '–'} → ${one.after ?? '–'}`);
}

const word = (value: Consequence | undefined) =>
  Object.keys(Consequence).find((key) => Consequence[key as keyof typeof Consequence] === value);

describe('describePlan', () => {
  it('tells nothing of what stays', () => {
    const changes = difference(whole(web()), whole(web()));
    expect(changes.map(({ consequence, fields: differing }) => [word(consequence), differing])).toEqual(
      changes.map(() => ['NONE', []]),
    );
  });

  it('calls fields as a compose file does', () => {
    const before = web(
      { ports: [{ targetPort: 80, publishedPort: 8080 }] },
      { image: 'web:1', env: ['GREETING=hello', 'OLD=1'], stopGracePeriodMs: 0 },
    );
    const after = web(
      {
        ports: [
          { targetPort: 80, publishedPort: 8081, mode: PublishMode.HOST },
          { targetPort: 53, protocol: 1 },
        ],
        dependencies: [{ service: 's_web2', condition: DependencyCondition.HEALTHY }].slice(1),
        update: { parallelism: 2, order: UpdateOrder.START_FIRST, delayMs: 1500 },
        placement: { constraints: ['node.labels.zone==a'] },
      },
      {
        image: 'web:2',
        env: ['GREETING=hi', 'NEW='],
        labels: { tier: 'front' },
        command: { items: ['serve', '-v'] },
        mounts: [{ type: MountType.VOLUME, source: 'data', target: '/data', readOnly: true }],
        healthcheck: { test: ['CMD', 'true'], intervalMs: 30_000 },
        stopGracePeriodMs: undefined,
        shmSizeBytes: 2 ** 26,
      },
    );
    expect(fields(before, after)).toEqual([
      'image: web:1 → web:2',
      'command: – → ["serve","-v"]',
      'environment GREETING: hello → hi',
      'environment NEW: – → ',
      'labels tier: – → front',
      'volumes /data: – → volume data read_only',
      'healthcheck.test: – → ["CMD","true"]',
      'healthcheck.interval: – → 30s',
      'shm_size: – → 64M',
      'ports 80/tcp: 8080 → 8081 mode=host',
      'ports 53/udp: – → 30000',
      'deploy.placement.constraints: – → ["node.labels.zone==a"]',
      'deploy.update_config.parallelism: – → 2',
      'deploy.update_config.delay: – → 1500ms',
      'deploy.update_config.order: – → start-first',
      'deploy.update_config.failure_action: – → pause',
      'environment OLD: 1 → –',
      'stop_grace_period: 0s → –',
    ]);
  });

  it('rolls the tasks that have another spec, in the way that the service says', () => {
    const update = { parallelism: 2, order: UpdateOrder.START_FIRST, failureAction: FailureAction.ROLLBACK };
    const change = ofService(difference(whole(web()), whole(web({ update }, { image: 'other' }))));
    expect(word(change?.consequence)).toBe('ROLLS');
    expect(change?.tasks).toMatchObject({ present: 2, replaced: 2, started: 0, stopped: 0, update });
  });

  it('counts the tasks of a service that is scaled, and those that are in a wrong place', () => {
    const scaled = (replicas: number) => web({ mode: { $case: 'replicated', value: { replicas } } });
    const more = ofService(difference(whole(web()), whole(scaled(5))));
    expect(more).toMatchObject({ consequence: Consequence.IN_PLACE, tasks: { present: 2, started: 3, stopped: 0 } });
    expect(linesOf(more)).toEqual(['deploy.replicas: 2 → 5']);
    expect(ofService(difference(whole(web()), whole(scaled(0))))).toMatchObject({ tasks: { stopped: 2 } });
    const placement = { constraints: ['node.labels.zone==a'] };
    expect(ofService(difference(whole(web()), whole(web({ placement }))))).toMatchObject({
      consequence: Consequence.IN_PLACE,
      tasks: { replaced: 1, started: 0, stopped: 0 },
    });
  });

  it('tells of a service that was stopped that it starts', () => {
    const running = existingAfter(plan(NOTHING, whole(web())));
    const services = running.services.map((service) => ({ ...service, stopped: true }));
    const existing: Existing = { ...running, services, nodes: NODES };
    const change = ofService(describePlan(plan(existing, whole(web())), existing, () => []));
    expect(change).toMatchObject({ consequence: Consequence.STARTS, fields: [], tasks: { started: 2 } });
  });

  it('tells of new content which it is, and of a secret only that it is another', () => {
    const [, secret, config, service] = difference(whole(web()), whole(web(), { config: 'second', secret: 'hush2' }));
    expect(word(config?.consequence)).toBe('RECREATES');
    expect(linesOf(config)).toEqual(['content: 3 bytes sha256:7692c3ad3540 → 6 bytes sha256:16367aacb67a']);
    expect(word(secret?.consequence)).toBe('RECREATES');
    expect(linesOf(secret)).toEqual(['content: (not shown) → (not shown)']);
    expect(word(service?.consequence)).toBe('ROLLS');
    expect(linesOf(service)).toEqual([
      'secrets /run/s_key: s_key → s_key (new version)',
      'configs /run/s_conf: s_conf → s_conf (new version)',
    ]);
    expect(JSON.stringify([secret, service])).not.toMatch(/hush|aHVzaA/);
  });

  it('tells of labels of a network, and of what is made and removed', () => {
    const [network] = difference(whole(web()), whole(web(), { labels: { a: 'b' } } as never));
    expect(network).toMatchObject({ consequence: Consequence.IN_PLACE });
    expect(linesOf(network)).toEqual(['labels a: – → b']);
    const next = stack([serviceSpec('s_new', { global: true })]);
    const changes = difference(whole(web()), next, true);
    expect(changes.map(({ name, consequence }) => `${name} ${word(consequence)}`)).toEqual([
      's_new STARTS',
      's_web STOPS',
      's_net STOPS',
      's_key STOPS',
      's_conf STOPS',
    ]);
    expect(changes.slice(0, 2).map(({ tasks }) => [tasks?.started, tasks?.stopped])).toEqual([
      [2, 0],
      [0, 2],
    ]);
  });

  it('tells of a list that is only in another order, and of credentials without them', () => {
    expect(fields(web({}, { env: ['A=1', 'B=2'] }), web({}, { env: ['B=2', 'A=1'] }))).toEqual([
      'environment (order): A B → B A',
    ]);
  });
});
