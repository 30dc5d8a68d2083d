/** Keys that say how a service's containers are called, reached, logged, started and stopped. */
import { describe, expect, it } from 'vitest';
import { GantryError } from '../../../proto/errors.ts';
import { DependencyCondition, MountType } from '../../../proto/generated/gantry/v1/types.ts';
import { loadStack } from '../load-stack.ts';

function load(text: string) {
  return loadStack({
    ...{ files: ['stack.yml'], stackName: 's', projectDirectory: undefined, envFiles: [], profiles: [] },
    ...{ workingDirectory: '/project', env: { HOME: '/home/me', SHELL_VAR: 'shell' } },
    readBytes: (path: string) => (path === '/project/stack.yml' ? Buffer.from(text) : undefined),
  });
}

const text = (lines: string, rest = '') =>
  `services:\n  db: {image: db}\n  web:\n    image: app\n    ${lines.replaceAll('\n', '\n    ')}\n${rest}`;

function task(lines: string, rest = '') {
  const found = load(text(lines, rest)).spec.services.find(({ annotations }) => annotations?.name === 's_web');
  if (found?.task?.container === undefined) throw new Error('no service');
  return { ...found.task, container: found.task.container, dependencies: found.dependencies };
}

/** Each problem in a line of its own. */
function problems(lines: string, rest = ''): string {
  try {
    load(text(lines, rest));
  } catch (error) {
    if (error instanceof GantryError) return error.message;
    throw error;
  }
  throw new Error('was accepted');
}

it('is on the network of another service’s tasks, which it waits for', () => {
  const { networks, container, dependencies } = task('network_mode: service:db');
  expect({ networks, networkOf: container.networkOf }).toEqual({ networks: [], networkOf: 's_db' });
  expect(dependencies).toMatchObject([{ service: 's_db', condition: DependencyCondition.STARTED, restart: false }]);
});

it('is in the namespaces of another service’s tasks, which it waits for', () => {
  const { container, dependencies } = task('ipc: service:db\npid: service:db');
  expect(container).toMatchObject({ networkOf: '', ipcMode: 'service:s_db', pidMode: 'service:s_db' });
  expect(dependencies).toMatchObject([{ service: 's_db', condition: DependencyCondition.STARTED }]);
});

describe('a container', () => {
  it.each<[lines: string, expected: object]>([
    ['container_name: front', { containerName: 'front' }],
    ['logging: {driver: none}', { log: { driver: 'none', maxSizeBytes: 0, maxFiles: 0 } }],
    [
      'logging: {driver: gelf, options: {gelf-address: "udp://logs:12201", env: A}}',
      { log: { driver: 'gelf', driverOpts: { 'gelf-address': 'udp://logs:12201', env: 'A' } } },
    ],
    [
      'logging: {driver: json-file, options: {max-size: 10m, max-file: "3"}}',
      { log: { driver: 'json-file', maxSizeBytes: 10_485_760, maxFiles: 3 } },
    ],
    ['logging: {options: {max-file: 2}}', { log: { driver: '', maxFiles: 2 } }],
    [
      'post_start: [{command: [a, "b c"], user: root, privileged: true, working_dir: /w, environment: {A: "1", B: b}}]',
      { postStart: [{ argv: ['a', 'b c'], user: 'root', privileged: true, dir: '/w', env: ['A=1', 'B=b'] }] },
    ],
    [
      'pre_start: [{command: a b, per_replica: true}, {command: [c], image: other, user: root, environment: {A: "1"}}]',
      {
        preStart: [
          { hook: { argv: ['a', 'b'] }, image: '', perReplica: true },
          { hook: { argv: ['c'], user: 'root', env: ['A=1'] }, image: 'other', perReplica: false },
        ],
      },
    ],
    ['pre_start: [{command: a, image: app}]', { preStart: [{ hook: { argv: ['a'] }, image: '', perReplica: false }] }],
    ['pre_stop: [{command: a b}, {command: c}]', { preStop: [{ argv: ['a', 'b'] }, { argv: ['c'] }] }],
  ])('%s', (lines, expected) => {
    expect(task(lines).container).toMatchObject(expected);
  });

  it.each([
    ['logging: {driver: splunk}', 'services.web.logging.driver: there is no log driver "splunk"'],
    ['logging: {driver: gelf}', 'services.web.logging: the log driver "gelf" needs a gelf-address'],
    [
      'logging: {driver: syslog, options: {syslog-facility: x}}',
      'services.web.logging.options.syslog-facility: "x" is not a',
    ],
    ['logging: {options: {tag: x}}', 'services.web.logging.options.tag: the option "tag" is not supported'],
    ['logging: {options: {max-size: x}}', 'services.web.logging.options.max-size: "x" is not allowed here'],
    [
      'logging: {driver: none, options: {max-file: "1"}}',
      'services.web.logging.options: the log driver "none" keeps nothing',
    ],
    ['pre_start: [{image: a}]', 'services.web.pre_start[0]'],
    ['post_start: [{command: a, environment: [SHELL_VAR]}]', 'post_start[0].environment[0]: has no value'],
    ['network_mode: container:db', '"container:db" is not supported: nobody knows which host'],
    ['network_mode: service:none', 'services.web.network_mode: service "none" is not defined'],
    ['network_mode: service:web', 'services.web'],
    ['network_mode: service:db\nhostname: x', 'services.web.hostname: does not go with "network_mode: service:db"'],
    ['network_mode: service:db\nports: ["80"]', 'services.web.ports: does not go with "network_mode: service:db"'],
    ['network_mode: service:db\nexpose: ["80"]', 'services.web.expose: does not go with "network_mode: service:db"'],
    ['network_mode: service:db\ndns: 1.1.1.1', 'services.web.dns: does not go with "network_mode: service:db"'],
    ['network_mode: service:db\nextra_hosts: {a: 1.1.1.1}', 'services.web.extra_hosts: does not go with'],
    ['network_mode: service:db\nmac_address: 02:00:00:00:00:01', 'services.web.mac_address: does not go with'],
    ['network_mode: service:db\nnetworks: [default]', 'services.web.network_mode: does not go with networks'],
    ['network_mode: other', '"other" is not a mode'],
  ])('%s is refused', (lines, expected) => {
    expect(problems(lines)).toContain(expected);
  });
});

describe('networks', () => {
  const networks = 'networks: {a: {}, b: {}, c: {}}';
  const targets = (lines: string) => task(lines, networks).networks.map(({ target }) => target);

  it.each(['host', 'none', 'bridge'])('may be %s instead of any', (mode) => {
    expect(task(`network_mode: ${mode}`).networks).toEqual([{ target: mode, aliases: [] }]);
  });

  it.each([
    ['networks: {a: , b: , c: }', ['s_a', 's_b', 's_c']],
    ['networks: {a: {priority: 1}, b: {priority: 5}, c: }', ['s_b', 's_a', 's_c']],
    ['networks: {a: {priority: 9}, b: , c: {gw_priority: 1}}', ['s_c', 's_a', 's_b']],
  ])('are in order of their priorities, that for the way out first: %s', (lines, expected) => {
    expect(targets(lines)).toEqual(expected);
  });

  it('have addresses of the one task', () => {
    const said =
      'ipv4_address: 10.0.0.9, ipv6_address: "fd00::9", mac_address: "02:42:0a:00:00:09", interface_name: front, link_local_ips: [169.254.7.8]';
    expect(task(`networks: {a: {${said}}}`, networks).networks).toEqual([
      {
        ...{ target: 's_a', aliases: ['web'], ip: '10.0.0.9', ipv6: 'fd00::9' },
        ...{ mac: '02:42:0a:00:00:09', interfaceName: 'front', linkLocalIps: { items: ['169.254.7.8'] } },
      },
    ]);
    const options = 'driver_opts: {com.docker.network.endpoint.ifname: back}';
    expect(task(`networks: {a: {${options}}}`, networks).networks).toMatchObject([{ interfaceName: 'back' }]);
    expect(task('mac_address: "02:42:0a:00:00:07"\nnetworks: [a, b]', networks).networks.map(({ mac }) => mac)).toEqual(
      ['02:42:0a:00:00:07', undefined],
    );
  });
});

describe('dependencies', () => {
  const { HEALTHY, STARTED } = DependencyCondition;

  it('may roll a service, and may be missing', () => {
    const [dependency] = task(
      'depends_on: {db: {condition: service_healthy, restart: true, required: false}}',
    ).dependencies;
    expect(dependency).toEqual({ service: 's_db', condition: HEALTHY, restart: true, optional: true });
    expect(task('depends_on: [db]').dependencies).toEqual([
      { service: 's_db', condition: STARTED, restart: false, optional: false },
    ]);
  });
});

describe('mounts', () => {
  const volumes = 'volumes: {own: {}, theirs: {external: true}}';

  it.each<[lines: string, expected: object]>([
    [
      'volumes: [{type: volume, source: own, target: /v, volume: {subpath: a/b}}]',
      { source: 's_own', subpath: 'a/b', volumeExternal: false },
    ],
    ['volumes: ["theirs:/v"]', { source: 'theirs', volumeExternal: true }],
    [
      'volumes: [{type: bind, source: /srv, target: /v, read_only: true, bind: {recursive: readonly}}]',
      { type: MountType.BIND, bindRecursive: 'readonly' },
    ],
    ['tmpfs: "/v:size=1m,exec,uid=33"', { tmpfsSizeBytes: 1_048_576, tmpfsOptions: ['exec', 'uid=33'] }],
  ])('%s', (lines, expected) => {
    expect(task(lines, volumes).container.mounts).toMatchObject([{ target: '/v', ...expected }]);
  });
});
