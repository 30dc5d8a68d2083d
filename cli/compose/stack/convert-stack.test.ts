import { describe, expect, it } from 'vitest';
import { MountType, PortProtocol, RestartCondition } from '../../../proto/generated/gantry/v1/types.ts';
import { serviceOf } from '../model/normalize.ts';
import { loadText, loadWeb, refusals, webText } from './load.testing.ts';

const MIB = 2 ** 20;

describe('a key of a service becomes', () => {
  it.each<[lines: string, expected: object]>([
    [
      'devices: ["/dev/fuse"]',
      { devices: [{ hostPath: '/dev/fuse', containerPath: '/dev/fuse', permissions: 'rwm' }] },
    ],
    [
      'devices: ["/dev/a:/dev/b:r", {source: /dev/c, target: /dev/d, permissions: rw}]',
      {
        devices: [
          { hostPath: '/dev/a', containerPath: '/dev/b', permissions: 'r' },
          { hostPath: '/dev/c', containerPath: '/dev/d', permissions: 'rw' },
        ],
      },
    ],
    [
      'devices: ["/dev/fuse", "vendor.com/gpu=0"]\ngpus: [{device_ids: ["vendor.com/gpu=1"]}]',
      { devices: [{ hostPath: '/dev/fuse' }], cdiDevices: ['vendor.com/gpu=0', 'vendor.com/gpu=1'] },
    ],
    ['gpus: all', { cdiDevices: ['nvidia.com/gpu=all'] }],
    ['gpus: [{device_ids: ["0", "GPU-5c1b"]}]', { cdiDevices: ['nvidia.com/gpu=0', 'nvidia.com/gpu=GPU-5c1b'] }],
    [
      'deploy: {resources: {reservations: {devices: [{driver: nvidia, count: all, capabilities: [gpu]}]}}}',
      { cdiDevices: ['nvidia.com/gpu=all'] },
    ],
    ['ipc: host', { ipcMode: 'host' }],
    ['ipc: shareable', { ipcMode: '' }],
    ['pid: host', { pidMode: 'host' }],
    ['uts: host', { utsMode: 'host' }],
    ['security_opt: [no-new-privileges]', { noNewPrivileges: true }],
    ['security_opt: ["no-new-privileges:true"]', { noNewPrivileges: true }],
    ['security_opt: ["no-new-privileges=false"]', { noNewPrivileges: false }],
    ['security_opt: ["seccomp:unconfined"]', { seccompProfile: 'unconfined' }],
    ['security_opt: ["seccomp=builtin"]', { seccompProfile: '' }],
    ['security_opt: ["systempaths=unconfined"]', { unconfinedSystemPaths: true }],
    ['security_opt: ["apparmor:unconfined", "label=disable"]', { unconfinedSystemPaths: false, seccompProfile: '' }],
    ['security_opt: ["seccomp:./profile.json"]', { seccompProfile: '{"defaultAction":"SCMP_ACT_ALLOW"}' }],
    ['extra_hosts: ["b:1.2.3.4", "a=host-gateway"]', { extraHosts: ['a:host-gateway', 'b:1.2.3.4'] }],
    ['extra_hosts: {a: "::1"}', { extraHosts: ['a:::1'] }],
    ['shm_size: 1g', { shmSizeBytes: 1024 * MIB }],
    ['group_add: [5, audio]', { groups: ['5', 'audio'] }],
    ['command: ["echo", "1"]', { command: { items: ['echo', '1'] } }],
    ['labels: {x-a: "1"}', { labels: { 'x-a': '1', 'com.docker.stack.namespace': 'demo' } }],
    ['environment: {x-a: "1"}', { env: ['x-a=1'] }],
    ['label_file: l.env\nlabels: {B: own}', { labels: { A: '1', B: 'own', 'com.docker.stack.namespace': 'demo' } }],
    ['env_file: [{path: l.env, format: raw}]', { env: ['A=1', 'B="two"'] }],
    ['init: false', { init: false }],
    [
      'tmpfs: ["/a:rw,noexec,nosuid,nodev,size=1m,mode=700", /b]',
      { mounts: [{ target: '/a', tmpfsSizeBytes: MIB, tmpfsMode: 0o700, readOnly: false }, { target: '/b' }] },
    ],
    ['stop_grace_period: 1m30s', { stopGracePeriodMs: 90_000 }],
  ])('%s', (lines, expected) => {
    const files = { 'profile.json': '{"defaultAction":"SCMP_ACT_ALLOW"}', 'l.env': 'A=1\nB="two"\n' };
    expect(loadWeb(lines, '', { files }).container).toMatchObject(expected);
  });
});

describe('limits', () => {
  it.each<[lines: string, limits: object | undefined, reservations: object | undefined]>([
    ['cpus: 0.5', { nanoCpus: 5e8, memoryBytes: 0, pids: 0 }, undefined],
    [
      'cpus: "1.5"\nmem_limit: 64m\nmem_reservation: 32m\npids_limit: 20',
      { nanoCpus: 15e8, memoryBytes: 64 * MIB, pids: 20 },
      { nanoCpus: 0, memoryBytes: 32 * MIB, pids: 0 },
    ],
    ['pids_limit: -1', { nanoCpus: 0, memoryBytes: 0, pids: 0 }, undefined],
    [
      'mem_limit: 64m\ndeploy: {resources: {limits: {cpus: 2}, reservations: {memory: 1m}}}',
      { nanoCpus: 2e9, memoryBytes: 64 * MIB, pids: 0 },
      { memoryBytes: MIB },
    ],
    ['mem_limit: 64m\ndeploy: {resources: {limits: {memory: 67108864}}}', { memoryBytes: 64 * MIB }, undefined],
    ['deploy: {labels: {a: b}}', undefined, undefined],
  ])('of %j', (lines, limits, reservations) => {
    const { resources } = loadWeb(lines).task;
    if (limits === undefined) expect(resources).toBeUndefined();
    else expect(resources?.limits).toMatchObject(limits);
    if (reservations !== undefined) expect(resources?.reservations).toMatchObject(reservations);
  });
});

describe('a service', () => {
  it.each<[lines: string, mode: object]>([
    ['scale: 3', { $case: 'replicated', value: { replicas: 3 } }],
    ['scale: 0', { $case: 'replicated', value: { replicas: 0 } }],
    ['scale: 2\ndeploy: {labels: {a: b}}', { $case: 'replicated', value: { replicas: 2 } }],
    ['deploy: {replicas: 0}', { $case: 'replicated', value: { replicas: 0 } }],
    [
      'scale: 2\ndeploy: {mode: replicated-job}',
      { $case: 'replicatedJob', value: { totalCompletions: 2, maxConcurrent: 2 } },
    ],
  ])('runs as often as %j says', (lines, mode) => {
    expect(loadWeb(lines).spec.mode).toEqual(mode);
  });

  it.each<[lines: string, restart: object]>([
    ['restart: "no"', { condition: RestartCondition.NONE }],
    ['restart: always', { condition: RestartCondition.ANY, maxAttempts: 0 }],
    ['restart: unless-stopped', { condition: RestartCondition.ANY }],
    ['restart: on-failure', { condition: RestartCondition.ON_FAILURE, maxAttempts: 0 }],
    ['restart: on-failure:3', { condition: RestartCondition.ON_FAILURE, maxAttempts: 3 }],
    ['restart: "no"\ndeploy: {restart_policy: {condition: any}}', { condition: RestartCondition.ANY }],
    [
      'deploy: {restart_policy: {condition: unless-stopped, delay: 0s}}',
      { condition: RestartCondition.ANY, delayMs: 0 },
    ],
    ['', { condition: RestartCondition.ANY }],
  ])('restarts as %j says', (lines, restart) => {
    expect(loadWeb(lines).task.restart).toMatchObject(restart);
  });

  it('is restarted by a project only where it says so, and never where others wait for its end', () => {
    const conditionOf = (lines: string, defaultRestart: 'any' | 'none', other = 'service_started') => {
      const rest = `  other: {image: x, depends_on: {web: {condition: ${other}}}}\n`;
      return loadWeb(lines, rest, { defaultRestart }).task.restart?.condition;
    };
    expect(conditionOf('', 'none')).toBe(RestartCondition.NONE);
    expect(conditionOf('restart: always', 'none')).toBe(RestartCondition.ANY);
    expect(conditionOf('deploy: {restart_policy: {delay: 5s}}', 'none')).toBe(RestartCondition.ANY);
    expect(conditionOf('', 'any', 'service_completed_successfully')).toBe(RestartCondition.NONE);
    expect(conditionOf('restart: always', 'any', 'service_completed_successfully')).toBe(RestartCondition.ANY);
  });

  it('says whether its output is shown', () => {
    expect(loadWeb('').service.attach).toBe(true);
    expect(loadWeb('attach: false').service.attach).toBe(false);
  });

  it.each<[ports: string, published: [number, number, PortProtocol][]]>([
    [
      '"9000-9001:90-91/udp"',
      [
        [9000, 90, PortProtocol.UDP],
        [9001, 91, PortProtocol.UDP],
      ],
    ],
    ['"3868:3868/sctp"', [[3868, 3868, PortProtocol.SCTP]]],
    [
      '"90-91"',
      [
        [0, 90, PortProtocol.TCP],
        [0, 91, PortProtocol.TCP],
      ],
    ],
    ['{target: 80, published: 8080, name: http, app_protocol: http2}', [[8080, 80, PortProtocol.TCP]]],
  ])('publishes %s', (ports, published) => {
    const found = loadWeb(`ports: [${ports}]`).spec.ports;
    expect(found.map(({ publishedPort, targetPort, protocol }) => [publishedPort, targetPort, protocol])).toEqual(
      published,
    );
  });

  it('reserves units of what it asks for as devices', () => {
    const { resources } = loadWeb(
      'gpus: [{count: 2}]\ndeploy: {resources: {reservations: {devices: [{capabilities: [gpu], count: 1}, {capabilities: [tpu], count: 1}]}}}',
    ).task;
    expect(resources?.genericReservations).toEqual([
      { kind: 'gpu', count: 3 },
      { kind: 'tpu', count: 1 },
    ]);
  });

  it('publishes whichever is free of a range', () => {
    const [port] = loadWeb('ports: ["127.0.0.1:8000-8010:80", "90:90"]').spec.ports;
    expect(port).toMatchObject({ publishedPort: 8000, publishedLast: 8010, targetPort: 80, hostIp: '127.0.0.1' });
  });

  it.each<[mount: string, expected: object]>([
    ['./a:/a', { type: MountType.BIND, source: '/project/a', target: '/a', bindCreateHostPath: true }],
    ['./a:/a:ro,z', { source: '/project/a', readOnly: true }],
    ['./a:/a:cached', { source: '/project/a', readOnly: false }],
    ['/a:/b:rshared', { source: '/a', bindPropagation: 'rshared' }],
    ['~/a:/a', { source: '/home/me/a' }],
    ['v:/a:nocopy', { type: MountType.VOLUME, source: 'demo_v', volumeNoCopy: true }],
    ['/a', { type: MountType.VOLUME, source: '', target: '/a' }],
    ['{type: image, source: app, target: /a}', { type: MountType.IMAGE, source: 'app', target: '/a', readOnly: true }],
    [
      '{type: image, source: app, target: /a, image: {subpath: etc/x}}',
      { type: MountType.IMAGE, source: 'app', subpath: 'etc/x', readOnly: true },
    ],
    ['{type: bind, source: ./a, target: /a/}', { source: '/project/a', target: '/a', bindCreateHostPath: true }],
    ['{type: bind, source: ./a, target: /a, bind: {create_host_path: false}}', { bindCreateHostPath: false }],
    ['{type: bind, source: ./a, target: /a, bind: {propagation: rslave, selinux: Z}}', { bindPropagation: 'rslave' }],
    [
      '{type: volume, source: v, target: /a, read_only: true, volume: {nocopy: true, labels: {a: b}}}',
      { readOnly: true, volumeNoCopy: true, volume: { labels: { a: 'b' } } },
    ],
    [
      '{type: tmpfs, target: /a, tmpfs: {size: 64m, mode: 0700}, consistency: cached}',
      { type: MountType.TMPFS, tmpfsSizeBytes: 64 * MIB, tmpfsMode: 0o700 },
    ],
  ])('mounts %s', (mount, expected) => {
    const { container } = loadWeb(`volumes:\n  - ${mount}`, 'volumes:\n  v:\n');
    expect(container.mounts).toMatchObject([expected]);
  });
});

describe('links', () => {
  const stack = (links: string, rest = '') =>
    `services:\n  web: {image: x, links: ${links}}\n  db: {image: x}\n  other: {image: x}\n${rest}`;

  it('say that one depends on the other, and what it is called on their network', () => {
    const { spec } = loadText(stack('[db, "db:database", "other:other"]'));
    const [web, db] = spec.services;
    expect(web?.dependencies.map(({ service }) => service)).toEqual(['demo_db', 'demo_other']);
    expect(db?.task?.networks).toEqual([{ target: 'demo_default', aliases: ['db', 'database'] }]);
  });

  it.each([
    [
      stack('["db:other"]'),
      'stack.yml:2:27: services.web.links[0]: the name "other" is that of service "other" on network "default", too',
    ],
    [stack('["db:a", "other:a"]'), 'services.web.links[1]: the name "a" is that of service "db"'],
    [stack('[gone]'), 'stack.yml:2:27: services.web.links[0]: service "gone" is not defined'],
    [
      'services:\n  web: {image: x, links: ["db:a"], networks: [a]}\n  db: {image: x, networks: [b]}\nnetworks: {a: , b: }\n',
      'have no network in common',
    ],
  ])('of %j are refused', (text, expected) => {
    expect(refusals(text).join('\n')).toContain(expected);
  });
});

describe('volumes_from', () => {
  const stack = (from: string, data: string) =>
    `services:\n  web: {image: x, volumes: ["own:/own"], volumes_from: [${from}]}\n  data: {image: x, tmpfs: /t, volumes: [${data}]}\n  more: {image: x, volumes: ["v:/more"], volumes_from: ["data:ro"]}\nvolumes: {own: , v: }\n`;
  const mounts = (text: string) =>
    loadText(text).spec.services[0]?.task?.container?.mounts.map(({ source, target, readOnly }) => [
      source,
      target,
      readOnly,
    ]);

  it.each<[from: string, data: string, expected: [string, string, boolean][]]>([
    [
      'data',
      '"v:/v", "./b:/b:ro"',
      [
        ['demo_v', '/v', false],
        ['/project/b', '/b', true],
      ],
    ],
    ['"data:ro"', '"v:/v"', [['demo_v', '/v', true]]],
    ['data', '"v:/own"', []],
    [
      'more',
      '"v:/v"',
      [
        ['demo_v', '/more', false],
        ['demo_v', '/v', true],
      ],
    ],
  ])('%s takes what %s is', (from, data, expected) => {
    expect(mounts(stack(from, data))).toEqual([['demo_own', '/own', false], ...expected]);
  });

  it.each([
    [
      stack('data', '/anonymous'),
      'services.web.volumes_from[0]: the volume of service "data" at /anonymous has no name',
    ],
    [
      stack('"container:x"', '"v:/v"'),
      'services.web.volumes_from[0]: the volumes of a container that is of no service',
    ],
    [stack('"data:rx"', '"v:/v"'), '"data:rx" is not a service; write SERVICE, or SERVICE:ro'],
    [stack('gone', '"v:/v"'), 'services.web.volumes_from[0]: service "gone" is not defined'],
  ])('of %j is refused', (text, expected) => {
    expect(refusals(text).join('\n')).toContain(expected);
  });
});

describe('what is refused', () => {
  it.each([
    [
      webText('cpus: 1\ndeploy: {resources: {limits: {cpus: 2}}}'),
      'stack.yml:4:11: services.web.cpus: says something else than deploy.resources.limits.cpus',
    ],
    [webText('scale: 1\ndeploy: {replicas: 2}'), 'services.web.scale: says something else than deploy.replicas'],
    [
      webText('scale: 1\ndeploy: {mode: global}'),
      'stack.yml:4:12: services.web.scale: does not go with "mode: global"',
    ],
    [webText('devices: ["gpu=all"]'), 'stack.yml:4:15: services.web.devices[0]: the device "gpu=all" is not a path'],
    [webText('devices: ["/dev/a:/dev/b:rx"]'), 'invalid permissions "rx"'],
    [
      webText('pid: "container:db"', '  db: {image: x}'),
      'stack.yml:4:10: services.web.pid: "container:db" is not supported: nobody knows which host a container is on',
    ],
    [webText('ipc: "container:x"'), 'services.web.ipc: "container:x" is not supported'],
    [webText('ipc: none'), 'services.web.ipc: "none" is not allowed here; write host or private or shareable'],
    [webText('uts: host\nhostname: h'), 'stack.yml:5:15: services.web.hostname: does not go with "uts: host"'],
    [
      webText('security_opt: ["label:user:x"]'),
      'stack.yml:4:20: services.web.security_opt[0]: SELinux labels are not supported',
    ],
    [webText('security_opt: ["apparmor:x"]'), 'AppArmor profiles are not supported'],
    [webText('security_opt: ["seccomp:none.json"]'), 'seccomp profile "none.json" not found'],
    [webText('security_opt: ["systempaths=masked"]'), 'services.web.security_opt[0]: "masked" is not allowed here'],
    [webText('security_opt: ["credentialspec=x"]'), 'the security option "credentialspec" is not supported'],
    [
      webText('extra_hosts: ["a:1.2.3.4", "b:nowhere"]'),
      'stack.yml:4:32: services.web.extra_hosts[1]: "nowhere" is not an address',
    ],
    [
      webText('tmpfs: "/a:huge=always"'),
      'stack.yml:4:12: services.web.tmpfs: tmpfs option "huge=always" is not supported',
    ],
    [webText('gpus: [{device_ids: ["/dev/dri"]}]'), '"/dev/dri" is not the name of a CDI device'],
    [
      webText('deploy: {resources: {reservations: {devices: [{capabilities: [tpu], device_ids: ["0"]}]}}}'),
      '"0" is not the name of a CDI device',
    ],
    [webText('gpus: [{count: 1, driver: tpu}]'), 'the driver "tpu" has no units to count here'],
    [webText('gpus: [{count: 1, options: {a: b}}]'), 'options of a driver are not supported'],
    [
      webText('deploy: {resources: {reservations: {devices: [{count: 1, capabilities: []}]}}}'),
      'reservations.devices[0]: says not of what',
    ],
    [webText('deploy: {resources: {reservations: {pids: 5}}}'), 'pids are limited, not reserved'],
    [
      webText('ports: [x, "80:80/dccp"]'),
      'stack.yml:4:16: services.web.ports[1]: invalid port "80:80/dccp": protocol "dccp" is not tcp, udp or sctp',
    ],
    [
      webText('volumes: [{type: volume, target: /a, bind: {propagation: rslave}}]'),
      'volumes[0].bind: does not go with "type: volume"',
    ],
    [webText('volumes: [{type: image, target: /a}]'), 'services.web.volumes[0]: names no image'],
    [webText('volumes: [{type: npipe, source: x, target: /a}]'), 'volumes[0].type: "npipe" is not allowed here'],
    [
      webText('networks: {default: {driver_opts: {com.docker.network.endpoint.sysctls: x}}}'),
      'services.web.networks.default.driver_opts.com.docker.network.endpoint.sysctls: the option "com.docker',
    ],
    [
      webText('networks: {default: {link_local_ips: [10.0.0.9]}}'),
      'services.web.networks.default.link_local_ips[0]: "10.0.0.9" is not a link-local address',
    ],
    [
      webText('', 'networks: {default: {enable_ipv4: false}}'),
      'networks.default.enable_ipv4: a network without IPv4 is not supported',
    ],
    [webText('logging: {driver: splunk}'), 'services.web.logging.driver: there is no log driver "splunk"'],
    ['services:\n  -web: {image: x}\n', 'invalid service name "-web"'],
    [
      'services: {web: {image: x}}\nmodels: {m: {model: x}}\n',
      'models: not supported yet; run the model as a service of its own',
    ],
  ])('%j', (text, expected) => {
    expect(refusals(text).join('\n')).toContain(expected);
  });

  it('is told together with what could not be read, and nothing that only follows from it', () => {
    expect(
      refusals(webText('image2: 5\nstorage_opt: {size: 1g}\nports: [zz, "1:80/dccp"]\nnetworks: [n]', 'networks: 5\n')),
    ).toEqual([
      expect.stringMatching(/^stack.yml:4:5: services.web.image2: unknown key/),
      expect.stringMatching(/^stack.yml:5:5: services.web.storage_opt: not supported yet/),
      expect.stringMatching(/^stack.yml:6:13: services.web.ports\[0\]: invalid port/),
      expect.stringMatching(/^stack.yml:6:17: services.web.ports\[1\]: invalid port/),
      expect.stringMatching(/^stack.yml:8:11: networks: must be a mapping/),
    ]);
    expect(refusals('services:\n  web: {image: 5, build: [], pull_policy: build}\n')).toHaveLength(2);
  });
});

describe('secrets and configs', () => {
  it('come from files, variables and texts, with an owner and a mode', () => {
    const { spec } = loadText(
      webText(
        'secrets: [{source: a, target: other, uid: "5", gid: "6", mode: 0400}, b, e]\nconfigs: [c]',
        'secrets:\n  a: {file: ./a.txt}\n  b: {environment: B, name: own}\n  e: {external: true, name: there}\nconfigs:\n  c: {content: "x ${B}", labels: {a: b}, template_driver: golang}\n',
      ),
      { files: { 'a.txt': 'A' }, env: { B: 'two' } },
    );
    expect(spec.services[0]?.task?.container?.secrets).toMatchObject([
      { name: 'demo_a', target: '/run/secrets/other', uid: 5, gid: 6, mode: 0o400 },
      { name: 'own', target: '/run/secrets/b', uid: 0, gid: 0, mode: 0o444 },
      { name: 'there', target: '/run/secrets/e' },
    ]);
    expect(spec.secrets.map(({ annotations, data }) => [annotations?.name, data.toString()])).toEqual([
      ['demo_a', 'A'],
      ['own', 'two'],
    ]);
    expect(spec.configs).toMatchObject([{ data: Buffer.from('x two'), templateDriver: 'golang' }]);
    expect(spec.configs[0]?.annotations?.labels).toMatchObject({ a: 'b' });
  });

  it('of no service need not be there', () => {
    const rest =
      'secrets:\n  s: {file: none}\n  t: {environment: NONE}\nconfigs:\n  c: {file: none, template_driver: golang}\n';
    expect(loadText(webText('', rest)).spec).toMatchObject({ secrets: [], configs: [] });
  });

  it.each([
    ['secrets:\n  s: {environment: NONE}\n', 'stack.yml:6:20: secrets.s.environment: the variable NONE is not set'],
    ['secrets:\n  s: {file: none}\n', 'secrets.s.file: file "none" not found'],
    ['secrets:\n  s: {driver: vault}\n', 'secrets.s.driver: not supported yet'],
  ])('of %j are refused', (rest, expected) => {
    expect(refusals(webText('secrets: [s]', rest)).join('\n')).toContain(expected);
  });
});

describe('several files and directories', () => {
  it('gives the model, too', () => {
    const { model } = loadText(webText('ports: [80]'));
    expect(serviceOf(model, 'web')?.ports).toEqual([{ mode: 'ingress', target: 80, protocol: 'tcp' }]);
  });
});
