import { describe, expect, it } from 'vitest';
import { GantryError } from '../../../proto/errors.ts';
import { objectOf } from './json.ts';
import { loadModel, type ModelOptions } from './load-model.ts';

type Files = Readonly<Record<string, string>>;

function load(text: string, files: Files = {}, more: Partial<ModelOptions> = {}) {
  const all: Files = { 'c.yml': text, ...files };
  return loadModel({
    files: ['c.yml'],
    projectName: 'p',
    projectDirectory: undefined,
    envFiles: [],
    profiles: [],
    interpolates: true,
    normalizes: true,
    resolvesPaths: true,
    checksConsistency: true,
    readsFiles: true,
    workingDirectory: '/project',
    env: { HOME: '/home/me', SET: 'from the shell' },
    readBytes: (path) => {
      const found = all[path.replace('/project/', '')];
      return found === undefined ? undefined : Buffer.from(found);
    },
    ...more,
  }).model;
}

const REST = `
networks: {n: , m: }
volumes: {data: , v: }
configs: {c: {content: x}}
secrets: {s: {environment: X}}
`;

/** Of what a service with these lines is in the model, all that isn't there without them. */
function service(lines: string, files: Files = {}, more: Partial<ModelOptions> = {}): unknown {
  const indented = lines.replaceAll('\n', '\n    ');
  const model = load(`services:\n  web:\n    ${indented}\n  other: {image: x}\n${REST}`, files, more);
  const { image: _, command, entrypoint, networks, ...own } = objectOf(model.services.web);
  return {
    ...own,
    ...(command === null ? {} : { command }),
    ...(entrypoint === null ? {} : { entrypoint }),
    ...(JSON.stringify(networks) === '{"default":null}' ? {} : { networks }),
  };
}

function refused(text: string, files: Files = {}): string {
  try {
    load(text, files);
  } catch (error) {
    if (error instanceof GantryError) return error.message;
    throw error;
  }
  return 'was accepted';
}

const tcp = (target: number, published?: string) => ({
  mode: 'ingress',
  target,
  ...(published === undefined ? {} : { published }),
  protocol: 'tcp',
});

describe('keys of a service in canonical form', () => {
  it.each<[string, unknown]>([
    ['command: sh -c "echo a"', { command: ['sh', '-c', 'echo a'] }],
    ['command: []', { command: [] }],
    ['command: ""', { command: [] }],
    ['entrypoint: [a, "b c"]', { entrypoint: ['a', 'b c'] }],
    ['environment: [A=1, B=, SET, UNSET]', { environment: { A: '1', B: '', SET: 'from the shell', UNSET: null } }],
    [
      'environment: {A: 1, B: 1.10, C: true, D: on, E: 0o17, F: 017, G: 0x1f, H: 1e6, I: 56:12, J: "", K: null}',
      {
        environment: {
          A: '1',
          B: '1.1',
          C: 'true',
          D: 'on',
          E: '15',
          F: '15',
          G: '31',
          H: '1e+06',
          I: '56:12',
          J: '',
          K: null,
        },
      },
    ],
    [
      'environment: {A: 123456789012345678, B: 18446744073709551615, C: 18446744073709551616, D: -9223372036854775808, E: -0, F: 0xffffffffffffffff}',
      {
        environment: {
          A: '123456789012345678',
          B: '18446744073709551615',
          C: '1.8446744073709552e+19',
          D: '-9223372036854775808',
          E: '0',
          F: '18446744073709551615',
        },
      },
    ],
    [
      'environment: {A: 1_000, B: 0b11, C: -0b1, D: 1_0.5, E: _1, F: 0x_f, G: "1_000", H: +0o17, I: 08, J: 0b2, K: !!str 017}',
      {
        environment: {
          A: '1000',
          B: '3',
          C: '-1',
          D: '10.5',
          E: '_1',
          F: '15',
          G: '1_000',
          H: '15',
          I: '8',
          J: '0b2',
          K: '017',
        },
      },
    ],
    ['ports: [8_080]', { ports: [tcp(8080)] }],
    ['labels: [a, b=c=d]', { labels: { a: '', b: 'c=d' } }],
    ['labels: {a: true, b: }', { labels: { a: 'true', b: '' } }],
    ['ports: [80]', { ports: [tcp(80)] }],
    ['ports: ["8080:80"]', { ports: [tcp(80, '8080')] }],
    ['ports: ["127.0.0.1:8080:80/udp"]', { ports: [{ ...tcp(80, '8080'), host_ip: '127.0.0.1', protocol: 'udp' }] }],
    ['ports: ["127.0.0.1::80"]', { ports: [{ ...tcp(80), host_ip: '127.0.0.1' }] }],
    ['ports: ["[::1]:8080:80"]', { ports: [{ ...tcp(80, '8080'), host_ip: '::1' }] }],
    ['ports: ["::1:8080:80/"]', { ports: [{ ...tcp(80, '8080'), host_ip: '::1' }] }],
    [
      'ports: ["[2001:db8::1]::80-81/udp"]',
      {
        ports: [80, 81].map((port) => ({ ...tcp(port), host_ip: '2001:db8::1', protocol: 'udp' })),
      },
    ],
    ['ports: ["00080:080"]', { ports: [tcp(80, '80')] }],
    ['ports: ["3000-3001"]', { ports: [tcp(3000), tcp(3001)] }],
    ['ports: ["9090-9091:8080-8081"]', { ports: [tcp(8080, '9090'), tcp(8081, '9091')] }],
    ['ports: ["8000-9000:80"]', { ports: [tcp(80, '8000-9000')] }],
    ['ports: ["53:53/UDP", "53:53/tcp"]', { ports: [{ ...tcp(53, '53'), protocol: 'udp' }, tcp(53, '53')] }],
    [
      'ports: [{target: "80", published: 8080, mode: host, name: web, app_protocol: http}]',
      { ports: [{ ...tcp(80, '8080'), mode: 'host', name: 'web', app_protocol: 'http' }] },
    ],
    ['ports: ["80:80", "80:80"]', { ports: [tcp(80, '80')] }],
    ['ports: ["${NONE:-8080}:80"]', { ports: [tcp(80, '8080')] }],
    ['volumes: [data:/d]', { volumes: [{ type: 'volume', source: 'data', target: '/d', volume: {} }] }],
    [
      'volumes: ["data:/d/:ro,nocopy"]',
      { volumes: [{ type: 'volume', source: 'data', target: '/d', read_only: true, volume: { nocopy: true } }] },
    ],
    ['volumes: ["v:/d:ro"]', { volumes: [{ type: 'volume', source: 'v', target: '/d', read_only: true, volume: {} }] }],
    [
      'volumes: ["C:\\\\a:/a", "C:/b:/b"]',
      {
        volumes: [
          { type: 'bind', source: 'C:\\a', target: '/a', bind: { create_host_path: true } },
          { type: 'bind', source: 'C:/b', target: '/b', bind: { create_host_path: true } },
        ],
      },
    ],
    [
      'environment: {__proto__: a, constructor: b}',
      {
        environment: Object.fromEntries([
          ['__proto__', 'a'],
          ['constructor', 'b'],
        ]),
      },
    ],
    ['volumes: [/anonymous]', { volumes: [{ type: 'volume', target: '/anonymous', volume: {} }] }],
    [
      'volumes: [.:/a, ../b:/b, ~/c:/c, "~c:/f", /d:/e/../d]',
      {
        volumes: [
          ['/project', '/a'],
          ['/b', '/b'],
          ['/home/me/c', '/c'],
          ['/home/me/c', '/f'],
          ['/d', '/d'],
        ].map(([source, target]) => ({ type: 'bind', source, target, bind: { create_host_path: true } })),
      },
    ],
    [
      'volumes: ["./a:/a:rshared,z"]',
      {
        volumes: [
          {
            type: 'bind',
            source: '/project/a',
            target: '/a',
            bind: { propagation: 'rshared', selinux: 'z', create_host_path: true },
          },
        ],
      },
    ],
    [
      'volumes: [{type: bind, source: ./a, target: /a, read_only: "true", bind: {create_host_path: false}}]',
      {
        volumes: [
          { type: 'bind', source: '/project/a', target: '/a', read_only: true, bind: { create_host_path: false } },
        ],
      },
    ],
    [
      'volumes: [{type: bind, source: "D:\\\\a", target: /a}, {type: bind, source: "D:/b", target: /b}, {type: bind, source: "D:c", target: /c}]',
      {
        volumes: [
          { type: 'bind', source: 'D:\\a', target: '/a' },
          { type: 'bind', source: 'D:/b', target: '/b' },
          { type: 'bind', source: '/project/D:c', target: '/c' },
        ],
      },
    ],
    [
      'volumes: [{type: tmpfs, target: /t, tmpfs: {size: 1g, mode: 0700}}]',
      { volumes: [{ type: 'tmpfs', target: '/t', tmpfs: { size: '1073741824', mode: 448 } }] },
    ],
    [
      'volumes: [{type: volume, source: data, target: /d, volume: {subpath: x, labels: [a=b]}}]',
      { volumes: [{ type: 'volume', source: 'data', target: '/d', volume: { subpath: 'x', labels: { a: 'b' } } }] },
    ],
    ['networks: [n, m]', { networks: { n: null, m: null } }],
    ['networks: {n: {aliases: [a], priority: 5}}', { networks: { n: { aliases: ['a'], priority: 5 } } }],
    ['networks: {}', {}],
    ['network_mode: host', { network_mode: 'host', networks: undefined }],
    ['depends_on: [other]', { depends_on: { other: { condition: 'service_started', required: true } } }],
    [
      'depends_on: {other: {condition: service_healthy, restart: true, required: false}}',
      { depends_on: { other: { condition: 'service_healthy', restart: true, required: false } } },
    ],
    [
      'links: [other:o]',
      { links: ['other:o'], depends_on: { other: { condition: 'service_started', restart: true, required: true } } },
    ],
    [
      'volumes_from: [other:ro, "container:x"]',
      {
        volumes_from: ['other:ro', 'container:x'],
        depends_on: { other: { condition: 'service_started', required: true } },
      },
    ],
    [
      'pid: service:other',
      { pid: 'service:other', depends_on: { other: { condition: 'service_started', restart: true, required: true } } },
    ],
    ['configs: [c]', { configs: [{ source: 'c' }] }],
    [
      'configs: [{source: c, target: /x, uid: "5", mode: 0440}]',
      { configs: [{ source: 'c', target: '/x', uid: '5', mode: '0440' }] },
    ],
    ['configs: [{source: c, mode: "440"}]', { configs: [{ source: 'c', mode: '0440' }] }],
    ['configs: [{source: c, mode: 288}]', { configs: [{ source: 'c', mode: '0440' }] }],
    ['secrets: [s]', { secrets: [{ source: 's', target: '/run/secrets/s' }] }],
    ['secrets: [{source: s, target: t}]', { secrets: [{ source: 's', target: 't' }] }],
    ['healthcheck: {test: curl x}', { healthcheck: { test: ['CMD-SHELL', 'curl x'] } }],
    [
      'healthcheck: {test: [CMD, a], interval: 1m30s, timeout: 1.5s, retries: "3", start_period: 0s, start_interval: 2h}',
      {
        healthcheck: {
          test: ['CMD', 'a'],
          interval: '1m30s',
          timeout: '1.5s',
          retries: 3,
          start_period: '0s',
          start_interval: '2h0m0s',
        },
      },
    ],
    ['healthcheck: {disable: true}', { healthcheck: { disable: true } }],
    ['stop_grace_period: 90s', { stop_grace_period: '1m30s' }],
    ['stop_grace_period: 1d', { stop_grace_period: '24h0m0s' }],
    ['stop_grace_period: 250ms', { stop_grace_period: '250ms' }],
    ['mem_limit: 512m', { mem_limit: '536870912' }],
    ['mem_limit: 1073741824', { mem_limit: '1073741824' }],
    ['mem_limit: 1.5GB', { mem_limit: '1610612736' }],
    ['memswap_limit: -1', { memswap_limit: '-1' }],
    ['mem_swappiness: 60', { mem_swappiness: '60' }],
    ['shm_size: 64kb', { shm_size: '65536' }],
    ['cpus: "1.5"', { cpus: 1.5 }],
    ['cpus: 0.333333333', { cpus: 0.33333334 }],
    ['cpus: 0.0001', { cpus: 0.0001 }],
    ['cpu_shares: 512', { cpu_shares: 512 }],
    ['cpuset: "0,1"', { cpuset: '0,1' }],
    ['pids_limit: 100', { pids_limit: 100 }],
    ['oom_score_adj: -500', { oom_score_adj: -500 }],
    ['privileged: "true"', { privileged: true }],
    ['privileged: false', {}],
    ['tty: yes', { tty: true }],
    ['init: false', { init: false }],
    ['attach: no', { attach: false }],
    ['expose: [3000, "4000-4001"]', { expose: ['3000', '4000-4001'] }],
    ['dns: 8.8.8.8', { dns: ['8.8.8.8'] }],
    ['dns: ["", "${NONE}", 8.8.8.8]', { dns: ['8.8.8.8'] }],
    ['dns: "${NONE}"', {}],
    ['tmpfs: /run', { tmpfs: ['/run'] }],
    ['group_add: [mail, 1000]', { group_add: ['mail', '1000'] }],
    ['extra_hosts: {b: 1.1.1.1, a: ["2.2.2.2", "[::1]"]}', { extra_hosts: ['a=2.2.2.2', 'a=::1', 'b=1.1.1.1'] }],
    ['extra_hosts: ["a:1.1.1.1", "b=::1"]', { extra_hosts: ['a=1.1.1.1', 'b=::1'] }],
    ['sysctls: [a=1]', { sysctls: { a: '1' } }],
    [
      'ulimits: {nproc: 65535, nofile: {soft: "1", hard: 2}}',
      { ulimits: { nproc: 65535, nofile: { soft: 1, hard: 2 } } },
    ],
    ['logging: {driver: syslog, options: {a: 1}}', { logging: { driver: 'syslog', options: { a: '1' } } }],
    ['storage_opt: {size: 20G}', { storage_opt: { size: '20G' } }],
    [
      'devices: [/a, "/b:/c", "/d:/e:r"]',
      {
        devices: [
          { source: '/a', target: '/a', permissions: 'rwm' },
          { source: '/b', target: '/c', permissions: 'rwm' },
          { source: '/d', target: '/e', permissions: 'r' },
        ],
      },
    ],
    ['gpus: all', { gpus: [{ count: -1 }] }],
    [
      'gpus: [{driver: x, count: 2}, {device_ids: ["0"]}]',
      { gpus: [{ driver: 'x', count: 2 }, { device_ids: ['0'] }] },
    ],
    [
      'blkio_config: {weight: 300, weight_device: [{path: /a, weight: 4}], device_read_bps: [{path: /a, rate: 1mb}]}',
      {
        blkio_config: {
          weight: 300,
          weight_device: [{ Path: '/a', Weight: 4 }],
          device_read_bps: [{ Path: '/a', Rate: '1048576' }],
        },
      },
    ],
    ['pull_policy: if_not_present', { pull_policy: 'missing' }],
    ['restart: no', { restart: 'no' }],
    ['profiles: []', {}],
    ['scale: 0', { scale: 0 }],
    [
      'scale: 2\ndeploy: {mode: replicated}',
      { scale: 2, deploy: { replicas: 2, resources: {}, placement: {}, mode: 'replicated' } },
    ],
    [
      'volumes: [/d, /e/]',
      {
        volumes: [
          { type: 'volume', target: '/d' },
          { type: 'volume', target: '/e', volume: {} },
        ],
      },
    ],
    [
      'pre_start: [{command: a b}, {command: [c], image: other, per_replica: true}]',
      {
        pre_start: [
          { command: ['a', 'b'], image: 'x' },
          { command: ['c'], image: 'other', per_replica: true },
        ],
      },
    ],
    [
      'post_start: [{command: a b, user: root, environment: [X]}]',
      {
        post_start: [{ command: ['a', 'b'], user: 'root', environment: { X: null } }],
      },
    ],
    [
      'provider: {type: x, options: {a: 1, b: [c, true]}}',
      { provider: { type: 'x', options: { a: ['1'], b: ['c', 'true'] } }, networks: undefined },
    ],
    [
      'develop: {watch: [{path: ./a, action: sync, target: /a, ignore: x}]}',
      {
        develop: { watch: [{ path: '/project/a', action: 'sync', target: '/a', ignore: ['x'] }] },
      },
    ],
    ['x-own: {n: 0x10, list: [a]}', { 'x-own': { n: 16, list: ['a'] } }],
  ])('%s', (lines, expected) => {
    expect(service(`image: x\n${lines}`)).toEqual(expected);
  });

  it.each<[string, unknown]>([
    ['build: .', { context: '/project', dockerfile: 'Dockerfile' }],
    ['build: {}', { context: '/project', dockerfile: 'Dockerfile' }],
    ['build: https://host/x.git', { context: 'https://host/x.git', dockerfile: 'Dockerfile' }],
    ['build: {context: ./a, dockerfile_inline: FROM x}', { context: '/project/a', dockerfile_inline: 'FROM x' }],
    [
      'build: {args: [A=1, SET, UNSET], ssh: [default, k=./key], no_cache: true, shm_size: 1m, tags: [a]}',
      {
        context: '/project',
        dockerfile: 'Dockerfile',
        args: { A: '1', SET: 'from the shell' },
        ssh: ['default', 'k=/project/key'],
        no_cache: true,
        shm_size: '1048576',
        tags: ['a'],
      },
    ],
    [
      'build: {context: a, additional_contexts: [b=./b, c=docker-image://x, d=service:other], secrets: [s], cache_from: [x]}',
      {
        context: '/project/a',
        dockerfile: 'Dockerfile',
        additional_contexts: { b: '/project/b', c: 'docker-image://x', d: 'service:other' },
        secrets: [{ source: 's' }],
        cache_from: ['x'],
      },
    ],
  ])('%s', (lines, build) => {
    expect(service(lines)).toEqual({ build });
  });

  it.each<[string, unknown]>([
    ['{}', {}],
    ['{mode: global, endpoint_mode: vip}', { mode: 'global', endpoint_mode: 'vip' }],
    ['{replicas: "0"}', { replicas: 0 }],
    [
      '{resources: {limits: {cpus: "0.50", memory: 50M, pids: 1}, reservations: {memory: 20M}}}',
      { resources: { limits: { cpus: 0.5, memory: '52428800', pids: 1 }, reservations: { memory: '20971520' } } },
    ],
    [
      '{resources: {reservations: {devices: [{capabilities: [gpu]}], generic_resources: [{discrete_resource_spec: {kind: g, value: 2}}]}}}',
      {
        resources: {
          reservations: {
            devices: [{ capabilities: ['gpu'], count: -1 }],
            generic_resources: [{ discrete_resource_spec: { kind: 'g', value: 2 } }],
          },
        },
      },
    ],
    [
      '{update_config: {parallelism: 0, delay: 10s, monitor: 0s, max_failure_ratio: 0.3, order: start-first}}',
      { update_config: { parallelism: 0, delay: '10s', max_failure_ratio: 0.3, order: 'start-first' } },
    ],
    [
      '{restart_policy: {condition: on-failure, delay: 5s, max_attempts: 3, window: 120s}}',
      { restart_policy: { condition: 'on-failure', delay: '5s', max_attempts: 3, window: '2m0s' } },
    ],
    [
      '{placement: {constraints: [a==b], preferences: [{spread: c}], max_replicas_per_node: 2}, labels: [a=b]}',
      {
        placement: { constraints: ['a==b'], preferences: [{ spread: 'c' }], max_replicas_per_node: 2 },
        labels: { a: 'b' },
      },
    ],
  ])('deploy: %s', (lines, deploy) => {
    expect(service(`image: x\ndeploy: ${lines}`)).toEqual({
      deploy: { resources: {}, placement: {}, ...objectOf(deploy as never) },
    });
  });
});

describe('files of a service', () => {
  it('are part of its environment and labels', () => {
    const files = { 'a.env': 'A=1\nB=1\nSET', 'b.env': 'B=$A$SET', 'raw.env': 'R="$A" # x\n', 'l.env': 'l=1\nm=2' };
    const lines =
      'image: x\nenv_file: [a.env, {path: b.env}, {path: no.env, required: false}, {path: raw.env, format: raw}]\nlabel_file: l.env\nlabels: {m: own}\nenvironment: {A: own}';
    expect(service(lines, files)).toEqual({
      environment: { A: 'own', B: 'ownfrom the shell', SET: 'from the shell', R: '"$A" # x' },
      labels: { l: '1', m: 'own' },
    });
    expect(service(lines, files, { readsFiles: false })).toMatchObject({
      env_file: [
        { path: '/project/a.env', required: true },
        { path: '/project/b.env', required: true },
        { path: '/project/no.env', required: false },
        { path: '/project/raw.env', required: true, format: 'raw' },
      ],
      label_file: ['/project/l.env'],
    });
  });
});

describe('what is included from another project', () => {
  it('has the variables of that project where files and the shell are asked later', () => {
    const files = {
      'sub/c.yml':
        'services: {b: {image: b, env_file: b.env, environment: [V]}}\nconfigs: {c: {environment: V}}\nsecrets: {s: {environment: V}}\n',
      'sub/.env': 'V=inner\n',
      'sub/b.env': 'W=${V?not set}\nSET=${SET}\n',
    };
    const model = load('include: [sub/c.yml]\nservices: {b: {tty: true}, a: {image: a, environment: [V]}}\n', files);
    expect(model.services).toMatchObject({
      a: { environment: { V: null } },
      b: { tty: true, environment: { V: 'inner', W: 'inner', SET: 'from the shell' } },
    });
    expect(model.configs).toEqual({ c: { name: 'p_c', environment: 'V', content: 'inner' } });
    expect(model.secrets).toEqual({ s: { name: 'p_s', environment: 'V' } });
  });
});

describe('resources of the project', () => {
  it('have names, and what their short forms mean', () => {
    const model = load(`
services: {a: {image: x}}
networks:
  n:
  m: {driver: bridge, enable_ipv6: false, ipam: {config: [{subnet: 10.0.0.0/24, aux_addresses: {a: 10.0.0.2}}]}, driver_opts: {mtu: 1400}}
  outside: {external: true}
  renamed: {external: {name: there}}
volumes: {v: , w: {name: own, driver_opts: {type: none, o: bind, device: ./d}, driver: local}, x: {external: true, name: "$SET"}}
configs: {c: {file: ./c.txt}, d: {content: "a$$b"}}
secrets: {s: {environment: SET}, t: {file: ~/t}}
x-top: [1]
`);
    expect(model).toMatchObject({ name: 'p', extensions: { 'x-top': [1] } });
    expect(model.networks).toEqual({
      default: { name: 'p_default', ipam: {} },
      n: { name: 'p_n', ipam: {} },
      m: {
        name: 'p_m',
        driver: 'bridge',
        enable_ipv6: false,
        ipam: { config: [{ subnet: '10.0.0.0/24', aux_addresses: { a: '10.0.0.2' } }] },
        driver_opts: { mtu: '1400' },
      },
      outside: { name: 'outside', external: true, ipam: {} },
      renamed: { name: 'there', external: true, ipam: {} },
    });
    expect(model.volumes).toEqual({
      v: { name: 'p_v' },
      w: { name: 'own', driver: 'local', driver_opts: { type: 'none', o: 'bind', device: '/project/d' } },
      x: { name: 'from the shell', external: true },
    });
    expect(model.configs).toEqual({ c: { name: 'p_c', file: '/project/c.txt' }, d: { name: 'p_d', content: 'a$b' } });
    expect(model.secrets).toEqual({ s: { name: 'p_s', environment: 'SET' }, t: { name: 'p_t', file: '/home/me/t' } });
  });
});

describe('without', () => {
  const lines =
    'image: "${A}"\nports: ["${P}:80"]\nscale: $N\nvolumes: ["./${D}:/d"]\nenvironment: [SET]\nmem_limit: ${M:-1g}';

  it('interpolation, what is replaced stays', () => {
    expect(service(lines, {}, { interpolates: false, checksConsistency: false, readsFiles: false })).toMatchObject({
      ports: ['${P}:80'],
      scale: '$N',
      mem_limit: '${M:-1g}',
      volumes: [{ source: '/project/${D}', target: '/d' }],
    });
  });

  it('normalization, nothing is added', () => {
    const model = load('services: {a: {image: x, environment: [SET], build: {}}}', {}, { normalizes: false });
    expect(model).toEqual({
      name: 'p',
      extensions: {},
      services: { a: { image: 'x', command: null, entrypoint: null, environment: { SET: null }, build: {} } },
    });
  });

  it('resolution of paths, they stay relative', () => {
    expect(service('image: x\nvolumes: [./a:/a]\nbuild: ./b', {}, { resolvesPaths: false })).toEqual({
      volumes: [{ type: 'bind', source: './a', target: '/a', bind: { create_host_path: true } }],
      build: { context: './b', dockerfile: 'Dockerfile' },
    });
  });
});

describe('refuses', () => {
  const web = (lines: string) => `services:\n  web:\n    image: x\n    ${lines.replaceAll('\n', '\n    ')}\n`;

  it.each<[string, string]>([
    [web('imagee: x'), 'c.yml:4:5: services.web.imagee: unknown key; did you mean "image"?'],
    [
      web('user: 1000'),
      'c.yml:4:11: services.web.user: must be a string, not the number 1000; put it in quotes: "1000"',
    ],
    [web('hostname: true'), 'must be a string, not the boolean true'],
    [web('command: [sleep, 5]'), 'services.web.command[1]: must be a string, not the number 5'],
    [web('environment: [1]'), 'services.web.environment[0]: must be a string'],
    [web('environment: {A: [x]}'), 'services.web.environment.A: must be a string, a number or a boolean, not a list'],
    [web('ports: ["1:2:3:4"]'), 'invalid port "1:2:3:4": "1:2" is not an address'],
    [web('ports: ["[::1:80:80"]'), '"[::1" is not an address'],
    [web('ports: ["80-81:80-85"]'), 'the two port ranges differ in length'],
    [web('ports: ["70000"]'), '"70000" is no port or range of ports'],
    [web('ports: ["80/icmp"]'), 'protocol "icmp" is not tcp, udp or sctp'],
    [web('ports: [{published: 80}]'), 'services.web.ports[0]: has no target'],
    [web('volumes: ["one:/b:ro:x"]'), 'invalid volume "one:/b:ro:x": there are too many colons'],
    [web('volumes: ["one::ro"]'), 'there is nothing between two colons'],
    [web('volumes: [{type: bind, target: /a}]'), 'a bind mount needs a source'],
    [web('volumes: [{type: foo, target: /a}]'), '"foo" is not allowed here; write one of bind, volume'],
    [web('volumes: [nope:/a]'), 'c.yml:4:15: services.web.volumes[0]: volume "nope" is not defined'],
    [web('networks: [nope]'), 'c.yml:4:16: services.web.networks[0]: network "nope" is not defined'],
    [web('secrets: [nope]'), 'secret "nope" is not defined'],
    [web('depends_on: [nope]'), 'c.yml:4:18: services.web.depends_on[0]: service "nope" is not defined'],
    [web('depends_on: [web]'), 'services depend on each other in a circle: web → web'],
    [web('stop_grace_period: 10'), '"10" is not a duration; write it as 30s'],
    [web('stop_grace_period: soon'), '"soon" is not a duration'],
    [web('mem_limit: lots'), '"lots" is not a size'],
    [web('networks: [constructor]'), 'network "constructor" is not defined'],
    ['services:\n  a: {image: "${constructor?not set}"}', 'required variable constructor is missing a value'],
    [web('scale: two'), '"two" is not a whole number from 0'],
    [web('oom_score_adj: 1001'), '"1001" is not a whole number from -1000 to 1000'],
    [web('tty: maybe'), '"maybe" is not true or false'],
    [web('pull_policy: sometimes'), 'write always, never'],
    [web('healthcheck: {test: [curl]}'), '"curl" can\'t be first'],
    [web('network_mode: host\nnetworks: [default]'), 'services.web.network_mode: does not go with networks'],
    [web('scale: 2\ndeploy: {replicas: 3}'), 'services.web.scale: says something else than deploy.replicas'],
    [web('container_name: x\nscale: 2'), "services.web.container_name: 2 containers can't have one name"],
    [web('container_name: x\ndeploy: {replicas: 2}'), "2 containers can't have one name"],
    [web('ulimits: {nofile: {soft: 1}}'), 'services.web.ulimits.nofile: has no hard'],
    [web('extra_hosts: [x]'), 'invalid host "x"'],
    [web('gpus: [{count: 1, device_ids: [a]}]'), 'has both count and device_ids'],
    [web('env_file: no.env'), 'c.yml:4:15: services.web.env_file: env_file "no.env" not found'],
    ['services: {a: {}}', 'services.a: has neither image nor build'],
    [
      'services: {a: {image: x, container_name: n}, b: {image: x, container_name: n}}',
      'the container of a has the name "n", too',
    ],
    ['services: {"a b": {image: x}}', 'invalid service name "a b"'],
    ['services: [a]', 'services: must be a mapping, not a list'],
    ['servces: {}', 'servces: unknown key; did you mean "services"?'],
    [
      'services:\n  a: {image: a}\n  b: {imagee: b, profiles: [off]}',
      'c.yml:3:7: services.b.imagee: unknown key; did you mean "image"?',
    ],
    [
      'services: {a: {image: x}}\nvolumes: {v: {external: true, driver: y}}',
      'volumes.v.driver: says how to make what is external',
    ],
    ['services: {a: {image: x}}\nsecrets: {s: }', 'secrets.s: says not where its content is'],
    ['services: {a: {image: x}}\nconfigs: {c: {file: x, content: y}}', 'configs.c.content: does not go with file'],
    ['services: {a: {image: "${"}}', 'services.a.image'],
    ['services:\n\ta: {}', 'indent with spaces'],
    ['services: {a: {image: x, image: y}}', 'remove one of the two'],
  ])('%j', (text, expected) => {
    expect(refused(text)).toContain(expected);
  });

  it('all that is wrong at once, in the order of the file', () => {
    const lines = refused(web('usr: x\ntty: maybe\nports: [x]\nscale: -1')).split('\n');
    expect(lines.map((line) => line.split(':')[1])).toEqual(['4', '5', '6', '7']);
  });
});
