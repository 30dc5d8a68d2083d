import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import {
  ContainerSpec,
  FailureAction,
  MountType,
  PlacementStrategy,
  PortConfig,
  PortProtocol,
  PublishMode,
  RestartCondition,
  ServiceSpec,
  UpdateOrder,
} from '../../../../proto/generated/gantry/v1/types.ts';
import { readServiceEdits } from '../../../options/service-edits.ts';
import { declareListEdits, declareLists } from '../../../options/service-lists.ts';
import { declareServiceOptions, words } from '../../../options/service-options.ts';
import { applyServiceFlags } from './apply-flags.ts';
import { newServiceSpec } from './new-service.ts';
import type { ServiceFlags } from './service-flags.ts';

const NAMES = {
  networks: new Map([['front', 'n1']]),
  secrets: new Map([['key', 's1']]),
  configs: new Map([['conf', 'c1']]),
};
const CONTEXT = { env: { SHELL_VAR: 'shell' }, cwd: '/work' };
const REPLICATED = { $case: 'replicated', value: { replicas: 1 } } as const;
const BARE = newServiceSpec({ name: 'web', image: 'web:1', args: [], mode: REPLICATED });
const GLOBAL = newServiceSpec({ name: 'web', image: 'web:1', args: [], mode: { $case: 'global', value: {} } });

/** The flags as `service update` reads them, with those that only it has. */
function updateFlags(argv: readonly string[]): ServiceFlags {
  const command = new Command().exitOverride();
  command.option('--image <image>').option('--args <command>', '', words('--args')).option('--force');
  const lists = declareListEdits(command);
  declareServiceOptions(command);
  command.parse(argv, { from: 'user' });
  return { options: command.opts(), edits: readServiceEdits(lists, [], CONTEXT) };
}

function createFlags(argv: readonly string[]): ServiceFlags {
  const command = new Command().exitOverride();
  const lists = declareLists(command);
  declareServiceOptions(command);
  command.parse(argv, { from: 'user' });
  return { options: command.opts(), edits: readServiceEdits(lists, [], CONTEXT) };
}

const update = (spec: ServiceSpec, ...argv: string[]) => applyServiceFlags(spec, updateFlags(argv), NAMES);
const create = (...argv: string[]) => applyServiceFlags(BARE, createFlags(argv), NAMES);
const container = (changes: Partial<ContainerSpec>): ServiceSpec =>
  ServiceSpec.fromPartial({ ...BARE, task: { ...BARE.task, container: { image: 'web:1', ...changes } } });
const containerOf = (spec: ServiceSpec) => spec.task?.container ?? ContainerSpec.create();

describe('without flags', () => {
  const full = ServiceSpec.fromPartial({
    annotations: { name: 'web', labels: { a: '1' } },
    task: {
      container: { image: 'web:1', env: ['A=1'], capAdd: ['NET_ADMIN'], healthcheck: { test: ['NONE'] } },
      resources: { limits: { memoryBytes: 1 } },
      restart: { condition: RestartCondition.NONE },
      networks: [{ target: 'n1', aliases: ['web'] }],
      forceUpdate: 3,
    },
    mode: { $case: 'global', value: {} },
    ports: [{ targetPort: 80, publishedPort: 8080 }],
    dependencies: [{ service: 'db' }],
    placement: { constraints: ['node.role==worker'] },
    update: { parallelism: 2 },
    rollback: { parallelism: 3 },
  });

  it.each([
    ['a bare spec', BARE],
    ['one that says much', full],
  ])('%s stays as it is', (_, spec) => {
    expect(update(spec)).toEqual(spec);
  });
});

describe('one value each', () => {
  it.each<[string[], Partial<ContainerSpec>]>([
    [['--image', 'web:2'], { image: 'web:2' }],
    [['--args', 'sh -c "echo  a"'], { command: { items: ['sh', '-c', 'echo  a'] } }],
    [['--entrypoint', 'tini -- "a b"'], { entrypoint: { items: ['tini', '--', 'a b'] } }],
    [['--hostname', 'h'], { hostname: 'h' }],
    [['-u', '1:2'], { user: '1:2' }],
    [['-w', '/srv'], { dir: '/srv' }],
    [['--stop-signal', 'INT'], { stopSignal: 'INT' }],
    [['--stop-grace-period', '1m'], { stopGracePeriodMs: 60_000 }],
    [['--init', '--read-only', '-t'], { init: true, readOnly: true, tty: true }],
    [['--oom-score-adj', '-5'], { oomScoreAdj: -5 }],
  ])('%j', (argv, expected) => {
    expect(containerOf(update(BARE, ...argv))).toEqual(ContainerSpec.fromPartial({ image: 'web:1', ...expected }));
  });

  it('is taken back by what is empty or off', () => {
    const spec = container({
      ...{ command: { items: ['x'] }, entrypoint: { items: ['y'] }, hostname: 'h', user: 'u', dir: '/d' },
      ...{ init: true, readOnly: true, tty: true, stopGracePeriodMs: 5 },
    });
    const empty = ['--args', '', '--entrypoint', '', '--hostname', '', '-u', '', '-w', '', '--stop-grace-period', '0'];
    const after = update(spec, ...empty, '--no-init', '--no-read-only', '--no-tty');
    expect(containerOf(after)).toEqual(ContainerSpec.fromPartial({ image: 'web:1', stopGracePeriodMs: 0 }));
  });

  it('--force is another number each time', () => {
    const once = update(BARE, '--force');
    expect([once, update(once, '--force')].map(({ task }) => task?.forceUpdate)).toEqual([1, 2]);
  });
});

describe('replicas', () => {
  it('are set', () => {
    expect(update(BARE, '--replicas', '0').mode).toEqual({ $case: 'replicated', value: { replicas: 0 } });
  });

  it.each(['--replicas', '--replicas-max-per-node'])('%s is not for a global service', (flag) => {
    expect(() => update(GLOBAL, flag, '2')).toThrow(`${flag} can't be used with a global service`);
  });
});

describe('a job', () => {
  const mode = { $case: 'replicatedJob', value: { totalCompletions: 1, maxConcurrent: 1 } } as const;
  const job = newServiceSpec({ name: 'pack', image: 'pack:1', args: [], mode });

  it.each<[string[], number, number]>([
    [['--replicas', '5'], 5, 5],
    [['--replicas', '5', '--max-concurrent', '2'], 5, 2],
    [['--max-concurrent', '3'], 1, 3],
    [['--replicas', '0'], 0, 1],
  ])('%j', (flags, totalCompletions, maxConcurrent) => {
    expect(update(job, ...flags).mode).toEqual({ $case: 'replicatedJob', value: { totalCompletions, maxConcurrent } });
  });

  it('keeps how many run at a time when that was said', () => {
    const before = update(job, '--replicas', '5', '--max-concurrent', '2');
    expect(update(before, '--replicas', '9').mode).toMatchObject({ value: { totalCompletions: 9, maxConcurrent: 2 } });
  });

  it('is restarted when it fails, unless it says otherwise', () => {
    expect(job.task?.restart?.condition).toBe(RestartCondition.ON_FAILURE);
    expect(() => update(BARE, '--max-concurrent', '2')).toThrow(
      '--max-concurrent can only be used with a replicated job',
    );
  });
});

describe('environment and labels', () => {
  const spec = ServiceSpec.fromPartial({
    ...container({ env: ['A=1', 'B=2'], labels: { a: '1', b: '2' }, sysctls: { 'net.core.somaxconn': '1' } }),
    annotations: { name: 'web', labels: { a: '1', b: '2' } },
  });

  it.each<[string[], string[]]>([
    [
      ['--env-add', 'A=3'],
      ['A=3', 'B=2'],
    ],
    [
      ['--env-add', 'C=3', '--env-add', 'C=4'],
      ['A=1', 'B=2', 'C=4'],
    ],
    [['--env-rm', 'A'], ['B=2']],
    [
      ['--env-rm', 'A', '--env-add', 'A=5=6'],
      ['B=2', 'A=5=6'],
    ],
    [
      ['--env-add', 'A', '--env-add', 'SHELL_VAR'],
      ['A=1', 'B=2', 'SHELL_VAR=shell'],
    ],
    [
      ['--env-rm', 'A=1', '--env-rm', 'NOPE'],
      ['A=1', 'B=2'],
    ],
  ])('%j', (argv, env) => {
    expect(containerOf(update(spec, ...argv)).env).toEqual(env);
  });

  it('labels are the service’s, or its containers’', () => {
    const after = update(spec, '--label-rm', 'a', '--label-add', 'b=3', '--label-add', 'c');
    expect(after.annotations?.labels).toEqual({ b: '3', c: '' });
    expect(containerOf(after).labels).toEqual({ a: '1', b: '2' });
    const other = update(spec, '--container-label-rm', 'a', '--container-label-add', 'a=x=y');
    expect(other.annotations?.labels).toEqual({ a: '1', b: '2' });
    expect(containerOf(other).labels).toEqual({ a: 'x=y', b: '2' });
  });

  it('sysctls are by name', () => {
    const flags = ['--sysctl-rm', 'net.core.somaxconn', '--sysctl-add', 'net.ipv4.ip_forward=1'];
    expect(containerOf(update(spec, ...flags)).sysctls).toEqual({ 'net.ipv4.ip_forward': '1' });
  });
});

describe('lists of words', () => {
  const spec = container({ groups: ['a'], dns: ['1.1.1.1'], dnsSearch: ['x'], dnsOptions: ['o'] });

  it.each<[string, string, keyof ContainerSpec, string[]]>([
    ['group', 'a', 'groups', ['b', 'c']],
    ['dns', '1.1.1.1', 'dns', ['b', 'c']],
    ['dns-search', 'x', 'dnsSearch', ['b', 'c']],
    ['dns-option', 'o', 'dnsOptions', ['b', 'c']],
  ])('--%s', (flag, old, field, expected) => {
    const added = [`--${flag}-add`, 'b', `--${flag}-add`, 'c', `--${flag}-add`, 'b'];
    expect(containerOf(update(spec, ...added, `--${flag}-rm`, old))[field]).toEqual(expected);
    expect(containerOf(create(`--${flag}`, 'b', `--${flag}`, 'c'))[field]).toEqual(expected);
    expect(containerOf(update(spec, `--${flag}-add`, old))[field]).toEqual([old]);
  });
});

describe('hosts and ulimits', () => {
  const spec = container({
    extraHosts: ['db:10.0.0.1', 'db:10.0.0.2', 'web:10.0.0.3', 'six:::1'],
    ulimits: [{ name: 'nofile', soft: 1, hard: 1 }],
  });

  it.each<[string[], string[]]>([
    [
      ['--host-rm', 'db'],
      ['web:10.0.0.3', 'six:::1'],
    ],
    [
      ['--host-rm', 'db:10.0.0.1', '--host-rm', 'six=[::1]'],
      ['db:10.0.0.2', 'web:10.0.0.3'],
    ],
    [
      ['--host-rm', 'db', '--host-rm', 'six', '--host-add', 'db=10.0.0.9'],
      ['web:10.0.0.3', 'db:10.0.0.9'],
    ],
  ])('%j', (argv, hosts) => {
    expect(containerOf(update(spec, ...argv)).extraHosts).toEqual(hosts);
  });

  it('a ulimit is by name', () => {
    const after = update(spec, '--ulimit-add', 'nofile=2:3', '--ulimit-add', 'core=0', '--ulimit-rm', 'nproc');
    expect(containerOf(after).ulimits).toEqual([
      { name: 'nofile', soft: 2, hard: 3 },
      { name: 'core', soft: 0, hard: 0 },
    ]);
    expect(containerOf(update(spec, '--ulimit-rm', 'nofile')).ulimits).toEqual([]);
  });
});

describe('mounts', () => {
  const spec = container({
    mounts: [{ ...create('--mount', 'source=a,target=/a').task?.container?.mounts[0] }] as ContainerSpec['mounts'],
  });
  const shown = (after: ServiceSpec) =>
    containerOf(after).mounts.map(({ type, source, target, readOnly }) => [type, source, target, readOnly]);

  it.each<[string[], ReturnType<typeof shown>]>([
    [['--mount-rm', '/a'], []],
    [['--mount-add', 'type=bind,source=b,target=/a,ro'], [[MountType.BIND, '/work/b', '/a', true]]],
    [
      ['--mount-rm', '/nope', '--mount-add', 'type=tmpfs,target=/t'],
      [
        [MountType.VOLUME, 'a', '/a', false],
        [MountType.TMPFS, '', '/t', false],
      ],
    ],
  ])('%j', (argv, expected) => {
    expect(shown(update(spec, ...argv))).toEqual(expected);
  });

  it('at one place are one', () => {
    expect(() => create('--mount', 'source=a,target=/a', '--mount', 'source=b,target=/a')).toThrow(
      'invalid argument "/a" for --mount',
    );
  });
});

describe('ports', () => {
  const port = (text: string) => create('-p', text).ports;
  const host80 = port('mode=host,target=80,published=8083');
  const spec: ServiceSpec = { ...BARE, ports: [...port('8080:80'), ...port('8081:80'), ...port('5353:53/udp')] };
  const shown = (after: ServiceSpec) =>
    after.ports.map(
      ({ publishedPort, targetPort, protocol, mode }) =>
        `${publishedPort}:${targetPort}/${protocol === PortProtocol.UDP ? 'udp' : 'tcp'}${mode === PublishMode.HOST ? ' host' : ''}`,
    );

  it.each<[string, string[]]>([
    ['80', ['0:80/tcp']],
    ['8080:80', ['8080:80/tcp']],
    ['8080-8081:80-81/udp', ['8080:80/udp', '8081:81/udp']],
    ['published=8080,target=80,protocol=udp,mode=host', ['8080:80/udp host']],
    ['target=80', ['0:80/tcp']],
  ])('-p %s', (text, expected) => {
    expect(shown(create('-p', text))).toEqual(expected);
  });

  it('keep an address', () => {
    expect(create('-p', '127.0.0.1:8080:80').ports).toEqual([
      PortConfig.create({ hostIp: '127.0.0.1', publishedPort: 8080, targetPort: 80 }),
    ]);
  });

  it.each<[string[], string[]]>([
    [['--publish-rm', '80'], ['5353:53/udp']],
    [
      ['--publish-rm', '8081:80'],
      ['8080:80/tcp', '5353:53/udp'],
    ],
    [
      ['--publish-rm', '53'],
      ['8080:80/tcp', '8081:80/tcp', '5353:53/udp'],
    ],
    [['--publish-rm', '53/udp', '--publish-rm', 'published=8080,target=80'], ['8081:80/tcp']],
    [
      ['--publish-rm', 'target=80,mode=host'],
      ['8080:80/tcp', '8081:80/tcp', '5353:53/udp'],
    ],
    [
      ['--publish-add', '8080:81'],
      ['8080:81/tcp', '8081:80/tcp', '5353:53/udp'],
    ],
    [
      ['--publish-rm', '80', '--publish-add', '8082:80'],
      ['5353:53/udp', '8082:80/tcp'],
    ],
    [
      ['--publish-add', '5353:53'],
      ['8080:80/tcp', '8081:80/tcp', '5353:53/udp', '5353:53/tcp'],
    ],
  ])('%j', (argv, expected) => {
    expect(shown(update(spec, ...argv))).toEqual(expected);
  });

  it('of the host go by the target port, too', () => {
    expect(update({ ...BARE, ports: host80 }, '--publish-rm', '80').ports).toEqual([]);
  });

  it.each([
    ['8080:x', '--publish', ''],
    ['published=80', '--publish', 'target is missing'],
    ['target=0', '--publish', 'target is a port from 1 to 65535'],
    ['target=80,mode=vip', '--publish', 'mode is one of ingress, host'],
    ['target=80,protocol=dccp', '--publish', 'protocol is one of tcp, udp, sctp'],
    ['target=80,what=1', '--publish', 'the key "what" is not known'],
  ])('-p refuses %s', (text, flag, hint) => {
    const failure = () => create('-p', text);
    expect(failure).toThrow(`invalid argument "${text}" for ${flag}`);
    expect(failure).toThrow(expect.objectContaining({ hint: expect.stringContaining(hint), exitCode: 125 }));
  });

  it('can be published once', () => {
    expect(() => create('-p', '8080:80', '-p', '8080:81')).toThrow('invalid argument "8080/tcp" for --publish');
  });
});

describe('networks', () => {
  const spec: ServiceSpec = {
    ...BARE,
    task: BARE.task && { ...BARE.task, networks: [{ target: 'n1', aliases: ['web'] }] },
  };
  const networks = (after: ServiceSpec) => after.task?.networks;

  it.each(['front', 'n1'])('are removed by name or id: %s', (reference) => {
    expect(networks(update(spec, '--network-rm', reference))).toEqual([]);
  });

  it('are added, with aliases', () => {
    expect(networks(update(spec, '--network-add', 'name=back,alias=a,alias=b'))).toEqual([
      { target: 'n1', aliases: ['web'] },
      { target: 'back', aliases: ['a', 'b'] },
    ]);
    expect(networks(create('--network', 'host'))).toEqual([{ target: 'host', aliases: [] }]);
  });

  it('can be attached anew, but not twice', () => {
    expect(() => update(spec, '--network-add', 'front')).toThrow('the service is already attached to network front');
    expect(networks(update(spec, '--network-rm', 'front', '--network-add', 'name=front,alias=x'))).toEqual([
      { target: 'front', aliases: ['x'] },
    ]);
    expect(() => create('--network', 'a', '--network', 'a')).toThrow('invalid argument "a" for --network');
  });

  it('that nobody knows can’t be removed', () => {
    expect(() => update(spec, '--network-rm', 'nope')).toThrow('invalid argument "nope" for --network-rm');
  });
});

describe('secrets and configs', () => {
  const file = { uid: 0, gid: 0, mode: 0o444 };
  const spec = container({
    secrets: [{ id: 's1', name: 'key', target: '/run/secrets/key', ...file }],
    configs: [{ id: 'c1', name: 'conf', target: '/conf', ...file }],
  });

  it.each([
    ['key', { name: 'key', target: '/run/secrets/key' }],
    ['source=key,target=k', { name: 'key', target: '/run/secrets/k' }],
    ['src=key,target=/k,uid=1,gid=2,mode=0400', { name: 'key', target: '/k', uid: 1, gid: 2, mode: 0o400 }],
  ])('--secret %s', (text, expected) => {
    expect(containerOf(create('--secret', text)).secrets).toEqual([{ id: '', ...file, ...expected }]);
  });

  it.each([
    ['conf', '/conf'],
    ['source=conf,target=etc/x', '/etc/x'],
  ])('--config %s', (text, target) => {
    expect(containerOf(create('--config', text)).configs).toEqual([{ id: '', name: 'conf', target, ...file }]);
  });

  it.each(['target=x', 'source=key,uid=root', 'source=key,mode=8', 'source=key,what=1', ''])(
    '--secret refuses "%s"',
    (text) => {
      expect(() => create('--secret', text)).toThrow(`invalid argument "${text}" for --secret`);
    },
  );

  it.each(['key', 's1'])('are removed by name or id: %s', (reference) => {
    const after = containerOf(update(spec, '--secret-rm', reference, '--config-rm', 'conf'));
    expect([after.secrets, after.configs]).toEqual([[], []]);
  });

  it('give their place to a newer one', () => {
    const after = update(spec, '--secret-rm', 'key', '--secret-add', 'source=key2,target=key');
    expect(containerOf(after).secrets.map(({ id, name, target }) => [id, name, target])).toEqual([
      ['', 'key2', '/run/secrets/key'],
    ]);
    expect(containerOf(update(spec, '--secret-add', 'source=key2,target=key')).secrets).toHaveLength(1);
  });
});

describe('placement', () => {
  it('is what is left and added', () => {
    const spec = create('--constraint', 'node.role == manager', '--placement-pref', 'spread=node.labels.zone');
    expect(spec.placement).toMatchObject({ constraints: ['node.role==manager'], spread: ['node.labels.zone'] });
    const flags = ['--constraint-rm', 'node.role==manager', '--constraint-add', 'node.labels.a!=b'];
    flags.push('--placement-pref-rm', 'spread=node.labels.zone', '--placement-pref-add', 'spread=node.labels.rack');
    expect(update(spec, ...flags, '--replicas-max-per-node', '2', '--strategy', 'binpack').placement).toEqual({
      constraints: ['node.labels.a!=b'],
      spread: ['node.labels.rack'],
      maxReplicasPerNode: 2,
      strategy: PlacementStrategy.BINPACK,
      platforms: [],
      imagePlatforms: [],
    });
  });

  it('that says nothing is none', () => {
    const spec = create('--constraint', 'node.role==manager', '--replicas-max-per-node', '2');
    const flags = ['--constraint-rm', 'node.role == manager', '--replicas-max-per-node', '0', '--strategy', 'default'];
    expect(update(spec, ...flags).placement).toBeUndefined();
  });

  it.each([
    ['--constraint', 'zone=a'],
    ['--placement-pref', 'node.labels.zone'],
    ['--placement-pref', 'spread=zone'],
    ['--strategy', 'random'],
  ])('%s refuses %s', (flag, value) => {
    expect(() => create(flag, value)).toThrow(`invalid argument "${value}" for ${flag}`);
  });
});

describe('resources', () => {
  it('are set one by one, and taken back with 0', () => {
    const limited = create('--limit-cpu', '0.5', '--limit-memory', '64m', '--limit-pids', '10');
    expect(limited.task?.resources).toEqual({
      limits: { nanoCpus: 500_000_000, memoryBytes: 64 << 20, pids: 10 },
      reservations: undefined,
      genericReservations: [],
    });
    const reserved = update(limited, '--reserve-cpu', '1', '--reserve-memory', '1g', '--limit-pids', '0');
    expect(reserved.task?.resources).toEqual({
      limits: { nanoCpus: 500_000_000, memoryBytes: 64 << 20, pids: 0 },
      reservations: { nanoCpus: 1_000_000_000, memoryBytes: 2 ** 30, pids: 0 },
      genericReservations: [],
    });
    const none = ['--limit-cpu', '0', '--limit-memory', '0', '--reserve-cpu', '0', '--reserve-memory', '0'];
    expect(update(reserved, ...none).task?.resources).toBeUndefined();
  });

  it('of other kinds are reserved by number', () => {
    const spec = create('--generic-resource', 'gpu=2', '--generic-resource', 'ssd=1');
    const ssd = { kind: 'ssd', count: 1 };
    expect(spec.task?.resources?.genericReservations).toEqual([{ kind: 'gpu', count: 2 }, ssd]);
    const changed = update(spec, '--generic-resource-add', 'gpu=1', '--generic-resource-rm', 'ssd');
    expect(changed.task?.resources?.genericReservations).toEqual([{ kind: 'gpu', count: 1 }]);
    expect(update(changed, '--generic-resource-rm', 'gpu').task?.resources).toBeUndefined();
    expect(update(spec, '--env-add', 'A=b').task?.resources).toEqual(spec.task?.resources);
    expect(() => create('--generic-resource', 'gpu=1', '--generic-resource', 'gpu=2')).toThrow(
      'invalid argument "gpu" for --generic-resource',
    );
  });

  it.each([
    ['--generic-resource', 'gpu=UUID1'],
    ['--generic-resource', 'gpu=0'],
    ['--limit-cpu', 'many'],
    ['--limit-memory', '1x'],
    ['--limit-pids', 'x'],
    ['--reserve-memory', '-1'],
    ['--replicas', '-1'],
    ['--restart-delay', '5'],
    ['--restart-condition', 'always'],
    ['--update-order', 'any'],
    ['--update-failure-action', 'stop'],
    ['--rollback-failure-action', 'rollback'],
    ['--update-max-failure-ratio', '1.5'],
    ['--entrypoint', 'sh "'],
    ['--ulimit', 'nofile'],
    ['--host', 'db'],
    ['--mount', 'source=a'],
  ])('%s refuses %s', (flag, value) => {
    expect(() => create(flag, value)).toThrow(`invalid argument "${value}" for ${flag}`);
  });
});

describe('restarts and rollouts', () => {
  it('the restart policy keeps what isn’t said', () => {
    const spec = create('--restart-condition', 'on-failure', '--restart-delay', '0', '--restart-max-attempts', '3');
    const restart = { condition: RestartCondition.ON_FAILURE, delayMs: 0, maxAttempts: 3, windowMs: 0 };
    expect(spec.task?.restart).toEqual(restart);
    expect(update(spec, '--restart-window', '1m').task?.restart).toEqual({ ...restart, windowMs: 60_000 });
  });

  it.each(['update', 'rollback'] as const)('of the %s only that which differs from the default', (kind) => {
    const config = create(`--${kind}-parallelism`, '0', `--${kind}-delay`, '5s', `--${kind}-order`, 'start-first')[
      kind
    ];
    expect(config).toEqual({
      ...{ parallelism: 0, delayMs: 5000, order: UpdateOrder.START_FIRST },
      ...{ failureAction: FailureAction.PAUSE, monitorMs: undefined, maxFailureRatio: 0 },
    });
    const spec = { ...BARE, [kind]: config };
    const more = [
      `--${kind}-failure-action`,
      'continue',
      `--${kind}-monitor`,
      '1s',
      `--${kind}-max-failure-ratio`,
      '.5',
    ];
    expect(update(spec, ...more)[kind]).toEqual({
      ...config,
      ...{ failureAction: FailureAction.CONTINUE, monitorMs: 1000, maxFailureRatio: 0.5 },
    });
    const back = [`--${kind}-parallelism`, '1', `--${kind}-delay`, '0', `--${kind}-order`, 'stop-first'];
    expect(update(spec, ...back)[kind]).toBeUndefined();
  });
});

describe('health checks', () => {
  const checked = container({
    healthcheck: { test: ['CMD', 'x'], intervalMs: 5, timeoutMs: 6, retries: 7, startPeriodMs: 8, startIntervalMs: 9 },
  });
  const health = (spec: ServiceSpec) => containerOf(spec).healthcheck;

  it('keep what isn’t said', () => {
    expect(health(update(checked, '--health-interval', '1s'))).toMatchObject({ test: ['CMD', 'x'], intervalMs: 1000 });
    expect(health(update(checked, '--health-cmd', 'true'))).toMatchObject({ test: ['CMD-SHELL', 'true'], retries: 7 });
    expect(health(update(checked, '--health-cmd', ''))?.test).toEqual([]);
    expect(health(create('--health-retries', '2'))).toMatchObject({ test: [], retries: 2 });
  });

  it('are turned off, and on again', () => {
    const off = update(checked, '--no-healthcheck');
    expect(health(off)).toMatchObject({ test: ['NONE'], intervalMs: 0 });
    expect(health(update(off, '--health-interval', '1s'))?.test).toEqual([]);
    expect(() => create('--no-healthcheck', '--health-cmd', 'x')).toThrow('--no-healthcheck conflicts');
  });
});

describe('capabilities', () => {
  const spec = container({ capAdd: ['NET_ADMIN'], capDrop: ['CAP_CHOWN'] });
  it.each<[string[], string[], string[]]>([
    [['--cap-add', 'sys_time'], ['CAP_NET_ADMIN', 'CAP_SYS_TIME'], ['CAP_CHOWN']],
    [['--cap-add', 'chown'], ['CAP_NET_ADMIN', 'CAP_CHOWN'], []],
    [['--cap-drop', 'CAP_NET_ADMIN'], [], ['CAP_CHOWN', 'CAP_NET_ADMIN']],
    [['--cap-add', 'KILL', '--cap-drop', 'KILL'], ['CAP_NET_ADMIN', 'CAP_KILL'], ['CAP_CHOWN']],
    [['--cap-add', 'RESET', '--cap-add', 'KILL'], ['CAP_KILL'], ['CAP_CHOWN']],
    [['--cap-drop', 'RESET'], ['CAP_NET_ADMIN'], []],
    [['--cap-drop', 'ALL'], ['CAP_NET_ADMIN'], ['CAP_CHOWN', 'ALL']],
  ])('%j', (argv, capAdd, capDrop) => {
    expect(containerOf(update(spec, ...argv))).toMatchObject({ capAdd, capDrop });
  });
});
