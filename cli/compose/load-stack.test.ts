import { describe, expect, it } from 'vitest';
import { GantryError } from '../../proto/errors.ts';
import {
  DependencyCondition,
  EndpointMode,
  FailureAction,
  IngressScope,
  MountType,
  PlacementStrategy,
  PortProtocol,
  PublishMode,
  PullPolicy,
  RestartCondition,
  UpdateOrder,
} from '../../proto/generated/gantry/v1/types.ts';
import { loadStack } from './load-stack.ts';

function load(text: string, files: Record<string, string> = {}, env: Record<string, string> = {}) {
  return loadStack({
    files: ['stack.yml'],
    stackName: 'demo',
    projectDirectory: undefined,
    envFiles: [],
    profiles: [],
    workingDirectory: '/project',
    env: { HOME: '/home/me', ...env },
    readBytes: (path) => {
      const found = { 'stack.yml': text, ...files }[path.replace('/project/', '')];
      return found === undefined ? undefined : Buffer.from(found);
    },
  });
}

function service(lines: string, rest = '', files: Record<string, string> = {}, env: Record<string, string> = {}) {
  const indented = lines.trim().replaceAll('\n', '\n    ');
  const { spec } = load(`services:\n  web:\n    image: app:1\n    ${indented}\n${rest}`, files, env);
  const [found] = spec.services;
  if (found?.task?.container === undefined) throw new Error('no service');
  return { spec: found, task: found.task, container: found.task.container, stack: spec };
}

function refused(text: string, files: Record<string, string> = {}): string[] {
  try {
    load(text, files);
  } catch (error) {
    if (error instanceof GantryError) return error.message.split('\n');
    throw error;
  }
  throw new Error('was accepted');
}

describe('a service', () => {
  it('gets the stack as prefix and label, one replica, and the default network with its name as alias', () => {
    const { spec, task, container, stack } = service('');
    expect(spec.annotations).toEqual({ name: 'demo_web', labels: { 'com.docker.stack.namespace': 'demo' } });
    expect(spec.mode).toEqual({ $case: 'replicated', value: { replicas: 1 } });
    expect(task.networks).toEqual([{ target: 'demo_default', aliases: ['web'] }]);
    expect(task.restart?.condition).toBe(RestartCondition.ANY);
    expect(container.image).toBe('app:1');
    expect(stack.networks.map(({ annotations }) => annotations?.name)).toEqual(['demo_default']);
  });

  it('takes command and entrypoint as words or as a line', () => {
    expect(service('command: ["a", "b c"]').container.command).toEqual({ items: ['a', 'b c'] });
    expect(service('command: sh -c "echo hi"').container.command).toEqual({ items: ['sh', '-c', 'echo hi'] });
    expect(service('entrypoint: []').container.entrypoint).toEqual({ items: [] });
    expect(service('').container.command).toBeUndefined();
  });

  it('collects its environment: files in order, then environment, then the shell for bare keys', () => {
    const { container } = service(
      'env_file: [a.env, {path: b.env, required: false}, {path: none.env, required: false}]\nenvironment:\n  B: two\n  SHELL_VALUE:\n  UNSET:\n  N: 1',
      '',
      { 'a.env': 'A=1\nB=1\n', 'b.env': 'C=${A}3\n' },
      { SHELL_VALUE: 'yes' },
    );
    expect(container.env).toEqual(['A=1', 'B=two', 'C=13', 'SHELL_VALUE=yes', 'N=1']);
  });

  it.each([
    ['80', { targetPort: 80, publishedPort: 0 }],
    ['"8080:80"', { targetPort: 80, publishedPort: 8080 }],
    [
      '"127.0.0.1:8080:80/udp"',
      { targetPort: 80, publishedPort: 8080, hostIp: '127.0.0.1', protocol: PortProtocol.UDP },
    ],
    ['"[::1]:8080:80"', { targetPort: 80, publishedPort: 8080, hostIp: '::1' }],
    ['"127.0.0.1::80"', { targetPort: 80, publishedPort: 0, hostIp: '127.0.0.1' }],
    ['{target: 80, published: "8080", mode: host}', { targetPort: 80, publishedPort: 8080, mode: PublishMode.HOST }],
  ])('publishes %s', (port, expected) => {
    const defaults = { hostIp: '', protocol: PortProtocol.TCP, mode: PublishMode.INGRESS };
    expect(service(`ports: [${port}]`).spec.ports).toEqual([{ ...defaults, ...expected }]);
  });

  it('publishes ranges port by port', () => {
    const { ports } = service('ports: ["8000-8002:80-82"]').spec;
    expect(ports.map(({ publishedPort, targetPort }) => [publishedPort, targetPort])).toEqual([
      [8000, 80],
      [8001, 81],
      [8002, 82],
    ]);
  });

  it('mounts volumes, host paths and tmpfs', () => {
    const { container } = service(
      'volumes: ["data:/data:ro", "./conf:/conf", "~/x:/x", "/anonymous", {type: tmpfs, target: /t, tmpfs: {size: 1m, mode: 0700}}]\ntmpfs: /run:size=64m',
      'volumes:\n  data:\n',
    );
    expect(container.mounts).toMatchObject([
      { type: MountType.VOLUME, source: 'demo_data', target: '/data', readOnly: true },
      { type: MountType.BIND, source: '/project/conf', target: '/conf', bindCreateHostPath: true },
      { type: MountType.BIND, source: '/home/me/x', target: '/x' },
      { type: MountType.VOLUME, source: '', target: '/anonymous' },
      { type: MountType.TMPFS, target: '/t', tmpfsSizeBytes: 2 ** 20, tmpfsMode: 0o700 },
      { type: MountType.TMPFS, target: '/run', tmpfsSizeBytes: 64 * 2 ** 20 },
    ]);
  });

  it('refers to configs and secrets, whose content comes from files, text or the environment', () => {
    const { container, stack } = service(
      'configs: [conf, {source: text, target: /etc/text, mode: 0440, uid: "5"}]\nsecrets: [key]',
      'configs:\n  conf: {file: ./conf.txt}\n  text: {content: "v=$$1"}\nsecrets:\n  key: {environment: KEY}\n  unused: {environment: NONE_OF_IT, external: true}\n',
      { 'conf.txt': 'c' },
      { KEY: 'k' },
    );
    expect(container.configs).toMatchObject([
      { name: 'demo_conf', target: '/conf', mode: 0o444 },
      { name: 'demo_text', target: '/etc/text', mode: 0o440, uid: 5 },
    ]);
    expect(container.secrets).toMatchObject([{ name: 'demo_key', target: '/run/secrets/key' }]);
    expect(stack.configs.map(({ data }) => data.toString())).toEqual(['c', 'v=$1']);
    expect(stack.secrets.map(({ data }) => data.toString())).toEqual(['k']);
  });

  it('has an endpoint mode, and says where its published ports lead', () => {
    expect(service('').spec).toMatchObject({ endpointMode: EndpointMode.VIP, ingressScope: IngressScope.CLUSTER });
    const { spec } = service('deploy: {endpoint_mode: dnsrr}\nx-gantry: {ingress: local}');
    expect(spec).toMatchObject({ endpointMode: EndpointMode.DNSRR, ingressScope: IngressScope.LOCAL });
  });

  it('has a placement from deploy and from x-gantry', () => {
    const { spec } = service(
      'x-gantry: {strategy: binpack}\ndeploy:\n  placement:\n    constraints: ["node.role == worker", node.labels.disk!=hdd]\n    preferences: [{spread: node.labels.zone}, {spread: engine.labels.rack}]\n    max_replicas_per_node: 2',
    );
    expect(spec.placement).toEqual({
      constraints: ['node.role==worker', 'node.labels.disk!=hdd'],
      spread: ['node.labels.zone', 'engine.labels.rack'],
      maxReplicasPerNode: 2,
      strategy: PlacementStrategy.BINPACK,
      platforms: [],
      imagePlatforms: [],
    });
    expect(service('x-gantry: {strategy: spread}').spec.placement?.strategy).toBe(PlacementStrategy.SPREAD);
    expect(service('deploy: {placement: {constraints: [], max_replicas_per_node: 0}}').spec.placement).toBeUndefined();
  });

  it('is for the nodes of its platform', () => {
    const { spec } = service('platform: linux/arm64/v8\ndeploy: {placement: {max_replicas_per_node: 1}}');
    const platforms = [{ os: 'linux', architecture: 'arm64' }];
    expect(spec.placement).toMatchObject({ maxReplicasPerNode: 1, platforms });
  });

  it('says when nodes pull its image', () => {
    const { ALWAYS, MISSING, NEVER } = PullPolicy;
    const policies = ['always', 'never', 'missing', 'if_not_present'].map(
      (word) => service(`pull_policy: ${word}`).spec.task?.container?.pullPolicy,
    );
    expect(policies).toEqual([ALWAYS, NEVER, MISSING, MISSING]);
    expect(service('build: .\npull_policy: build').spec.task?.container?.pullPolicy).toBe(MISSING);
  });

  it('keeps templates as they are written', () => {
    const { container, stack } = service(
      'hostname: "web-{{.Task.Slot}}"\nenvironment: {NODE: "{{.Node.Hostname}}"}\nvolumes: ["v:/v", "/srv/{{.Node.ID}}:/n"]\nconfigs: [c]\nsecrets: [s]',
      'configs:\n  c: {content: "{{env \\"NODE\\"}}", template_driver: golang}\nsecrets:\n  s: {file: s.txt}\nvolumes:\n  v: {name: "data-{{.Task.Slot}}"}\n',
      { 's.txt': '{{ no template' },
    );
    expect(container.hostname).toBe('web-{{.Task.Slot}}');
    expect(container.env).toEqual(['NODE={{.Node.Hostname}}']);
    expect(container.mounts.map(({ source }) => source)).toEqual(['data-{{.Task.Slot}}', '/srv/{{.Node.ID}}']);
    expect(stack.configs).toMatchObject([{ data: Buffer.from('{{env "NODE"}}'), templateDriver: 'golang' }]);
    expect(stack.secrets).toMatchObject([{ data: Buffer.from('{{ no template'), templateDriver: '' }]);
  });

  it('has an update config from deploy', () => {
    const update = (text: string) => service(`deploy: {update_config: ${text}}`).spec.update;
    const bare = { delayMs: 0, order: UpdateOrder.STOP_FIRST, failureAction: FailureAction.PAUSE, maxFailureRatio: 0 };
    expect(update('{parallelism: 2, delay: 1m30s}')).toEqual({ ...bare, parallelism: 2, delayMs: 90_000 });
    expect(update('{parallelism: 0}')).toEqual({ ...bare, parallelism: 0 });
    expect(update('{delay: 5s}')).toEqual({ ...bare, parallelism: 1, delayMs: 5000 });
    expect(update('{parallelism: 1, order: stop-first, failure_action: pause}')).toBeUndefined();
    expect(update('{order: start-first, failure_action: rollback, monitor: 10s, max_failure_ratio: 0.25}')).toEqual({
      parallelism: 1,
      delayMs: 0,
      order: UpdateOrder.START_FIRST,
      failureAction: FailureAction.ROLLBACK,
      monitorMs: 10_000,
      maxFailureRatio: 0.25,
    });
  });

  it('is a job from deploy', () => {
    const job = service('deploy: {mode: replicated-job, replicas: 5}');
    expect(job.spec.mode).toEqual({ $case: 'replicatedJob', value: { totalCompletions: 5, maxConcurrent: 5 } });
    expect(job.task.restart?.condition).toBe(RestartCondition.ON_FAILURE);
    const global = service('deploy: {mode: global-job, restart_policy: {condition: none}}');
    expect(global.spec.mode).toEqual({ $case: 'globalJob', value: {} });
    expect(global.task.restart?.condition).toBe(RestartCondition.NONE);
  });

  it('has a rollback config from deploy', () => {
    const { spec } = service('deploy: {rollback_config: {parallelism: 0, failure_action: continue}}');
    expect(spec.rollback).toMatchObject({ parallelism: 0, failureAction: FailureAction.CONTINUE });
    expect(spec.update).toBeUndefined();
  });

  it('has resources, restart policy and mode from deploy', () => {
    const { spec, task } = service(
      'deploy:\n  mode: global\n  labels: {a: b}\n  resources:\n    limits: {cpus: "0.5", memory: 64M, pids: 20}\n    reservations: {memory: 32m}\n  restart_policy: {condition: on-failure, delay: 5s, max_attempts: 3, window: 1m}',
    );
    expect(spec.mode).toEqual({ $case: 'global', value: {} });
    expect(spec.annotations?.labels).toMatchObject({ a: 'b' });
    expect(task.resources?.limits).toEqual({ nanoCpus: 5e8, memoryBytes: 64 * 2 ** 20, pids: 20 });
    expect(task.resources?.reservations).toEqual({ nanoCpus: 0, memoryBytes: 32 * 2 ** 20, pids: 0 });
    expect(task.restart).toEqual({
      condition: RestartCondition.ON_FAILURE,
      delayMs: 5000,
      maxAttempts: 3,
      windowMs: 60000,
    });
  });

  it('reserves generic resources', () => {
    const spec = (kind: string, value: number) => `{discrete_resource_spec: {kind: ${kind}, value: ${value}}}`;
    const list = `[${spec('NVIDIA-GPU', 1)}, ${spec('ssd', 1)}, ${spec('ssd', 2)}]`;
    const { task } = service(`deploy: {resources: {reservations: {generic_resources: ${list}}}}`);
    expect(task.resources?.genericReservations).toEqual([
      { kind: 'NVIDIA-GPU', count: 1 },
      { kind: 'ssd', count: 2 },
    ]);
  });

  it('reads restart, healthcheck, ulimits, sysctls and the smaller keys', () => {
    const { container, task } = service(
      'restart: "no"\nhealthcheck: {test: wget -q localhost, interval: 1m30s, retries: 2}\nulimits: {nofile: 100, nproc: {soft: 1, hard: 2}}\nsysctls: [net.core.somaxconn=10]\nhostname: h\nuser: 1000:1000\nworking_dir: /w\nstop_signal: SIGINT\nstop_grace_period: 3s\nread_only: true\ninit: true\ncap_add: [NET_ADMIN]\nextra_hosts: ["a:1.2.3.4", "b=::1"]',
    );
    expect(task.restart?.condition).toBe(RestartCondition.NONE);
    expect(container.healthcheck).toMatchObject({
      test: ['CMD-SHELL', 'wget -q localhost'],
      intervalMs: 90000,
      retries: 2,
    });
    expect(container.ulimits).toEqual([
      { name: 'nofile', soft: 100, hard: 100 },
      { name: 'nproc', soft: 1, hard: 2 },
    ]);
    expect(container).toMatchObject({
      sysctls: { 'net.core.somaxconn': '10' },
      hostname: 'h',
      user: '1000:1000',
      dir: '/w',
      stopSignal: 'SIGINT',
      stopGracePeriodMs: 3000,
      readOnly: true,
      init: true,
      capAdd: ['NET_ADMIN'],
      extraHosts: ['a:1.2.3.4', 'b:::1'],
    });
  });

  it('waits for its dependencies', () => {
    const { spec } = load(
      'services:\n  a: {image: x}\n  b: {image: x, depends_on: [a]}\n  c: {image: x, depends_on: {a: {condition: service_healthy}, gone: {condition: service_started, required: false}}}',
    );
    expect(spec.services.map(({ dependencies }) => dependencies)).toMatchObject([
      [],
      [{ service: 'demo_a', condition: DependencyCondition.STARTED }],
      [{ service: 'demo_a', condition: DependencyCondition.HEALTHY }],
    ]);
  });

  it('is built when it has build, under a name of its own unless it has an image', () => {
    const { services } = load(
      'services:\n  a: {build: ./app}\n  b: {image: b:2, build: {context: ., dockerfile: D, args: [K=V, FROM_SHELL], target: t}}',
      {},
      { FROM_SHELL: 's' },
    );
    expect(services[0]).toMatchObject({ image: 'demo-a:latest', build: { context: '/project/app' } });
    expect(services[1]).toMatchObject({
      image: 'b:2',
      build: { context: '/project', dockerfile: 'D', args: { K: 'V', FROM_SHELL: 's' }, target: 't' },
    });
  });
});

describe('the file', () => {
  it('resolves anchors, merge keys and variables, the shell before .env', () => {
    const { spec } = load(
      'x-base: &base {image: "app:${TAG:-none}", user: "$WHO"}\nservices:\n  a:\n    <<: *base\n    user: own\n  b: *base\n',
      { '.env': 'TAG=1\nWHO=dotenv\n' },
      { WHO: 'shell' },
    );
    expect(spec.services.map(({ task }) => [task?.container?.image, task?.container?.user])).toEqual([
      ['app:1', 'own'],
      ['app:1', 'shell'],
    ]);
  });

  it('uses names, external resources and its own networks', () => {
    const { spec } = load(
      'services:\n  a: {image: x, networks: {back: {aliases: [db]}, out: }, volumes: ["v:/v"]}\nnetworks:\n  back: {internal: true, ipam: {config: [{subnet: 10.9.0.0/24}]}}\n  out: {external: true, name: world}\n  unused: {}\nvolumes:\n  v: {name: plain}\n',
    );
    expect(spec.services[0]?.task?.networks).toEqual([
      { target: 'demo_back', aliases: ['a', 'db'] },
      { target: 'world', aliases: ['a'] },
    ]);
    expect(spec.networks).toMatchObject([
      { annotations: { name: 'demo_back' }, internal: true, subnet: '10.9.0.0/24' },
    ]);
    expect(spec.services[0]?.task?.container?.mounts[0]?.source).toBe('plain');
  });

  it('takes a subnet of IPv4 and one of IPv6, in either order, and no more', () => {
    const stack = (config: string) =>
      `services: {a: {image: x, networks: [n]}}\nnetworks: {n: {enable_ipv6: true, ipam: {config: [${config}]}}}\n`;
    const [ipv4, ipv6] = [
      '{subnet: 10.9.0.0/24, ip_range: 10.9.0.0/26}',
      '{subnet: "fd00:9::/64", gateway: "fd00:9::1"}',
    ];
    for (const config of [`${ipv4}, ${ipv6}`, `${ipv6}, ${ipv4}`]) {
      expect(load(stack(config)).spec.networks).toMatchObject([
        { enableIpv6: true, subnet: '10.9.0.0/24', gateway: '', ipv6Subnet: 'fd00:9::/64', ipv6Gateway: 'fd00:9::1' },
      ]);
    }
    expect(() => load(stack(`${ipv6}, {subnet: "fd00:a::/64"}`))).toThrow('one subnet of IPv4 and one of IPv6');
    expect(() => load(stack('{subnet: "fd00:9::/64", ip_range: "fd00:9::/80"}'))).toThrow('no range of their own');
    expect(() => load(stack('{subnet: "fd00:9::/129"}'))).toThrow('is not a subnet');
  });

  it('takes a network of the LAN as it stands', () => {
    const { spec } = load(
      'services: {a: {image: x, networks: [lan]}}\nnetworks:\n  lan:\n    driver: macvlan\n    driver_opts: {parent: eth0.10, macvlan_mode: private}\n    ipam: {config: [{subnet: 192.168.1.0/24, gateway: 192.168.1.254, ip_range: 192.168.1.64/26}]}\n',
    );
    expect(spec.networks).toMatchObject([
      {
        driver: 'macvlan',
        driverOpts: { parent: 'eth0.10', macvlan_mode: 'private' },
        ...{ subnet: '192.168.1.0/24', gateway: '192.168.1.254', ipRange: '192.168.1.64/26' },
      },
    ]);
    const other = 'services: {a: {image: x}}\nnetworks: {lan: {driver: ipvlan}}\n';
    expect(() => load(other)).toThrow('"ipvlan" is not supported');
  });

  it('warns of unset variables and of version', () => {
    expect(load('version: "3"\nservices:\n  a: {image: "x$NONE"}\n').warnings).toEqual([
      'stack.yml:3: variable NONE is not set; it becomes an empty string',
      'stack.yml:1: "version" is obsolete and has no effect; remove it',
    ]);
  });

  it('says where a key was written', () => {
    const { locate } = load('services:\n  web:\n    image: x\n    ports:\n      - "80:80"\n');
    expect(locate('services', 'web', 'ports').line).toBe(4);
    expect(locate('services', 'web', 'ports', '0')).toMatchObject({ line: 5, column: 9 });
    expect(locate('services', 'web', 'missing').line).toBe(2);
  });
});

describe('what is wrong is named with its place and remedy', () => {
  const web = (lines: string) => `services:\n  web:\n    image: x\n    ${lines.replaceAll('\n', '\n    ')}\n`;

  it.each([
    ['services:\n  web:\n    image: "x\n', 'stack.yml:'],
    ['services:\n\tweb: {}\n', 'stack.yml:2:1: YAML: Tabs are not allowed as indentation; indent with spaces'],
    [
      'services:\n  a: {image: x}\n  a: {image: y}\n',
      'stack.yml:3:3: YAML: Map keys must be unique; remove one of the two',
    ],
    ['', 'stack.yml:1:1: the file is empty'],
    ['- a\n', 'stack.yml:1:1: the file must be a mapping'],
    ['name: x\n', 'has no services'],
    [web('comand: x'), 'stack.yml:4:5: services.web.comand: unknown key; did you mean "command"?'],
    [web('qqqqq: x'), 'unknown key; remove it, or name it x-… to have it ignored'],
    [web('storage_opt: {size: 1g}'), 'stack.yml:4:5: services.web.storage_opt: not supported yet; remove it'],
    [web('network_mode: service:db'), '"service:db" is not supported'],
    [web('networks: [back]'), 'stack.yml:4:16: services.web.networks[0]: network "back" is not defined; add "back:"'],
    [web('volumes: ["v:/v"]'), 'volume "v" is not defined'],
    [web('volumes: ["C:/a:/a"]'), '"C:/a" is a path of Windows'],
    [web('volumes: ["./a:/a:y"]'), 'unknown volume option "y"'],
    [web('ports: ["80:80/sctp"]'), 'protocol "sctp" is not supported'],
    [web('secrets: [s]'), 'secret "s" is not defined'],
    [web('configs: [s]'), 'config "s" is not defined'],
    [web('env_file: none.env'), 'stack.yml:4:15: services.web.env_file: env_file "none.env" not found; make it, or'],
    [web('depends_on: [db]'), 'service "db" is not defined'],
    [web('ports: ["x:80"]'), 'invalid port "x:80"'],
    [web('ports: ["80:80", "80:81"]'), 'port 80 is published twice'],
    [web('ports: ["1-2:80"]'), 'differ in length'],
    [web('ports: [70000]'), 'invalid port "70000"'],
    [web('command: echo "a'), 'a quote is not closed'],
    [web('deploy: {replicas: many}'), '"many" is not a whole number from 0'],
    [web('deploy: {replicas: 100001}'), '"100001" is not a whole number from 0 to 100000'],
    [
      web('deploy: {update_config: {monitor: soon}}'),
      'services.web.deploy.update_config.monitor: "soon" is not a duration',
    ],
    [web('deploy: {update_config: {max_failure_ratio: 1.5}}'), '"1.5" is not a number from 0 to 1'],
    [web('deploy: {rollback_config: {failure_action: rollback}}'), 'write one of pause, continue'],
    [web('deploy: {update_config: {order: sideways}}'), 'update_config.order'],
    [web('deploy: {update_config: {parallelism: -1}}'), '"-1" is not a whole number'],
    [
      web('deploy: {placement: {constraints: [node.role=worker]}}'),
      'stack.yml:4:40: services.web.deploy.placement.constraints[0]: constraint "node.role=worker" has no operator; write KEY==VALUE',
    ],
    [web('deploy: {placement: {constraints: [node.size==big]}}'), 'unknown key "node.size"; write one of node.id'],
    [web('deploy: {placement: {preferences: [spread=node.labels.zone]}}'), 'preferences[0]'],
    [web('deploy: {placement: {preferences: [{spread: node.id}]}}'), 'tasks can\'t be spread over "node.id"'],
    [web('deploy: {placement: {preference: []}}'), 'did you mean "preferences"?'],
    [web('pull_policy: daily'), 'services.web.pull_policy: '],
    [
      web('pull_policy: build'),
      'services.web.pull_policy: "build" without a build section; add "build", or write missing',
    ],
    [web('platform: linux/arm/v7'), 'services.web.platform: "linux/arm/v7" is not a platform of nodes; write it as'],
    [web('deploy: {resources: {reservations: {generic_resources: [{gpu: 1}]}}}'), 'says not how many of what'],
    [
      web('deploy: {resources: {reservations: {generic_resources: [{discrete_resource_spec: {kind: gpu}}]}}}'),
      'services.web.deploy.resources.reservations.generic_resources[0].discrete_resource_spec: needs a kind and a value',
    ],
    [
      web('deploy: {resources: {reservations: {devices: [{capabilities: [gpu], count: 1}]}}}'),
      'gantryd --node-generic-resource gpu=UUID',
    ],
    [web('x-gantry: {strategy: random}'), 'x-gantry.strategy'],
    [web('x-gantry: {ingress: none}'), 'x-gantry.ingress'],
    [web('deploy: {endpoint_mode: dns}'), 'services.web.deploy.endpoint_mode'],
    [web('x-gantry: {stratgy: spread}'), 'did you mean "strategy"?'],
    [web('deploy: {mode: replicated-jobs}'), 'unknown mode "replicated-jobs"'],
    [web('deploy: {mode: global-job, replicas: 2}'), 'does not go with "mode: global-job"'],
    [web('deploy: {mode: replicated-job}\nrestart: always'), 'a job that is always restarted is never done'],
    [
      web('deploy: {mode: replicated-job, restart_policy: {condition: any}}'),
      'services.web.deploy.restart_policy: a job that is always restarted is never done',
    ],
    [web('deploy: {resources: {limits: {memory: lots}}}'), '"lots" is not a size'],
    [web('healthcheck: {test: [x]}'), 'invalid test'],
    [web('stop_grace_period: 5'), '"5" is not a duration'],
    [web('read_only: maybe'), '"maybe" is not true or false'],
    [web('environment: ["=x"]'), 'has no key'],
    [web('image2: {'), 'stack.yml:'],
    ['services:\n  web: {}\n', 'has neither image nor build'],
    ['services:\n  web: text\n', 'must be a mapping'],
    [
      'services:\n  web: {image: x}\ninclude: [a]\n',
      'stack.yml:3:11: include[0]: file "a" not found; correct the path',
    ],
    ['services:\n  web: {image: x, user: "${WHO?say who}"}\n', 'required variable WHO is missing a value: say who'],
    ['services:\n  web: {image: !env x}\n', 'stack.yml:2:16: the tag !env is unknown; there are !reset and !override'],
    ['services:\n  web: {image: *nope}\n', 'unknown alias'],
    ['services:\n  w: {image: x, configs: [c]}\nconfigs:\n  c: {file: none}\n', 'file "none" not found'],
    ['services:\n  w: {image: x}\nconfigs:\n  c: {}\n', 'says not where its content is'],
    [
      web('hostname: "web-{{.Task.Slto}}"'),
      'stack.yml:4:15: services.web.hostname: bad template: <.Task.Slto>: there is no field Slto; there are ID, Name, Slot; mend it, or write {{"{{"}} where {{ is meant',
    ],
    [
      web('environment:\n  A: fine\n  B: "{{.Node.Name}}"'),
      'stack.yml:6:10: services.web.environment.B: variable B: bad template: <.Node.Name>: there is no field Name',
    ],
    [
      web('environment: [A=1, "B={{"]'),
      'stack.yml:4:24: services.web.environment[1]: variable B: bad template: unclosed',
    ],
    [web('volumes: ["/srv/{{.Host}}:/data"]'), 'stack.yml:4:15: services.web.volumes[0]: source: bad template'],
    [web('volumes: [{type: tmpfs, target: "/t{{.Host}}"}]'), 'services.web.volumes[0]: target: bad template'],
    [
      'services:\n  w: {image: x}\nvolumes:\n  v: {name: "v-{{.Slot}}", labels: {a: "{{.B}}"}}\n',
      'stack.yml:4:13: volumes.v.name: bad template',
    ],
    [
      'services:\n  w: {image: x}\nvolumes:\n  v: {driver_opts: {o: "{{x}}"}}\n',
      'volumes.v.driver_opts.o: bad template',
    ],
    [
      'services:\n  w: {image: x}\nconfigs:\n  c: {content: "{{.Foo}}", template_driver: golang}\n',
      'stack.yml:4:16: configs.c.content: bad template in line 1: <.Foo>: there is no field Foo',
    ],
    [
      'services:\n  w: {image: x}\nconfigs:\n  c: {content: "a", template_driver: jinja}\n',
      'configs.c.template_driver: "jinja" is not allowed here; write one of golang',
    ],
  ])('%j', (text, expected) => {
    expect(refused(text).join('\n')).toContain(expected);
  });

  it('names the circle of services that depend on each other', () => {
    const text =
      'services:\n  a: {image: x, depends_on: [b]}\n  b: {image: x, depends_on: [c]}\n  c: {image: x, depends_on: [a]}\n';
    expect(refused(text)).toEqual([
      'stack.yml:4:30: services.c.depends_on[0]: services depend on each other in a circle: a → b → c → a; remove one of these',
    ]);
  });

  it('lists all problems at once, in the order of the file', () => {
    const lines = refused('services:\n  a: {image: x, foo: 1}\n  b: {image: x, ports: [zz]}\nbar: 1\n');
    expect(lines.map((line) => line.split(':')[1])).toEqual(['2', '3', '4']);
  });

  it('names the file and line of a bad template, also in other files', () => {
    const config = 'services:\n  w: {image: x}\nconfigs:\n  c: {file: app.conf, template_driver: golang}\n';
    expect(refused(config, { 'app.conf': 'a=1\nb={{.Task.Nmae}}\n' })).toEqual([
      'stack.yml:4:13: configs.c.file: bad template in app.conf:2: <.Task.Nmae>: there is no field Nmae; there are ID, Name, Slot; mend it, or remove template_driver',
    ]);
    expect(refused(web('env_file: a.env'), { 'a.env': 'A={{.Task}\n' })).toEqual([
      'stack.yml:4:15: services.web.env_file: variable A: bad template: unclosed action; mend it, or write {{"{{"}} where {{ is meant',
    ]);
  });

  it('names file and line of a bad env_file', () => {
    expect(refused(web('env_file: a.env'), { 'a.env': 'A=1\noops!\n' })).toEqual([
      'a.env:2:1: not KEY=VALUE: "oops!"; write KEY=VALUE lines',
    ]);
  });

  it('bounds what aliases can blow up to', () => {
    const levels = Array.from({ length: 12 }, (_, level) =>
      level === 0
        ? 'x-0: &a0 [x,x,x,x,x,x,x,x]'
        : `x-${level}: &a${level} [${Array(8)
            .fill(`*a${level - 1}`)
            .join(',')}]`,
    );
    expect(refused(`${levels.join('\n')}\nservices:\n  a: {image: x}\n`)[0]).toContain(
      'aliases make the file too large',
    );
  });
});

describe('several files', () => {
  const files: Readonly<Record<string, string>> = {
    'a.yml': 'services:\n  web: {image: web, ports: ["8000-8001:80-81"], profiles: [x]}\n  db: {image: db}\n',
    'b.yml':
      'services:\n  web: {extends: {service: base, file: lib/c.yml}, ports: ["8001:81/tcp"], depends_on: [db]}\n  db: !reset {}\n  db2: {extends: web}\n',
    'lib/c.yml': 'services:\n  base: {volumes: [./data:/data], environment: {A: 1}, foo: 1}\n',
  };
  const deploy = (profiles: string) =>
    loadStack({
      files: ['a.yml', 'b.yml'],
      stackName: 'demo',
      projectDirectory: undefined,
      envFiles: [],
      profiles: [],
      workingDirectory: '/project',
      env: { COMPOSE_PROFILES: profiles },
      readBytes: (path) => {
        const found = files[path.replace('/project/', '')];
        return found === undefined ? undefined : Buffer.from(found);
      },
    });

  it('are one stack, in which each problem is where it was written', () => {
    expect(() => deploy('x')).toThrow(
      expect.objectContaining({
        message: [
          'b.yml:2:89: services.web.depends_on[0]: service "db" is not defined; define it under services',
          'b.yml:2:89: services.db2.depends_on[0]: service "db" is not defined; define it under services',
          'b.yml:4:8: services.db2: has neither image nor build; add one',
          'lib/c.yml:2:56: services.web.foo: unknown key; remove it, or name it x-… to have it ignored',
          'lib/c.yml:2:56: services.db2.foo: unknown key; remove it, or name it x-… to have it ignored',
        ].join('\n'),
      }),
    );
  });

  it('are one stack, with the ports and paths of all', () => {
    const { spec } = loadStack({
      files: ['a.yml', 'd.yml'],
      stackName: 'demo',
      projectDirectory: undefined,
      envFiles: [],
      profiles: [],
      workingDirectory: '/project',
      env: { COMPOSE_PROFILES: 'x' },
      readBytes: (path) => {
        const all: Readonly<Record<string, string>> = {
          ...files,
          'd.yml':
            'services:\n  web: {extends: {service: base, file: lib/e.yml}, ports: ["8001:81/tcp"], depends_on: [db]}\n',
          'lib/e.yml': 'services:\n  base: {volumes: [./data:/data], environment: {A: 1}}\n',
        };
        const found = all[path.replace('/project/', '')];
        return found === undefined ? undefined : Buffer.from(found);
      },
    });
    const [web, db] = spec.services;
    expect(web?.ports.map(({ publishedPort, targetPort }) => [publishedPort, targetPort])).toEqual([
      [8000, 80],
      [8001, 81],
    ]);
    expect(web?.task?.container?.mounts[0]?.source).toBe('/project/lib/data');
    expect(web?.task?.container?.env).toEqual(['A=1']);
    expect(db?.annotations?.name).toBe('demo_db');
  });
});
