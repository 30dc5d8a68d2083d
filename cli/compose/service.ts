/** One service of a compose file → its spec for the cluster. */
import {
  ContainerSpec,
  type FileReference,
  IngressScope,
  type Mount,
  type NetworkAttachmentConfig,
  Placement,
  type PlacementStrategy,
  type Platform,
  type PortConfig,
  PullPolicy,
  ServiceSpec,
  type Ulimit,
  type VolumeSpec,
} from '../../proto/generated/gantry/v1/types.ts';
import { parsePlatform } from '../../proto/platform.ts';
import { CLUSTER_STRATEGIES } from '../options/strategies.ts';
import { type Build, readBuild } from './build.ts';
import type { DependsOn } from './dependencies.ts';
import { readDeploy } from './deploy.ts';
import { readEnvironment } from './environment.ts';
import { readHealthcheck } from './healthcheck.ts';
import { ATTACHMENT_KEYS, FILE_REFERENCE_KEYS, OWN_KEYS, SERVICE_KEYS, ULIMIT_KEYS } from './keys.ts';
import { readMount, readTmpfs } from './mounts.ts';
import { readPorts } from './ports.ts';
import { type Resource, type ResourceContext, STACK_LABEL } from './resources.ts';
import { readCommandLine } from './syntax/command-line.ts';
import type { Cursor } from './syntax/cursor.ts';
import { readTemplate } from './templates.ts';

export interface ServiceContext extends ResourceContext {
  readonly home: string | undefined;
  readonly networks: ReadonlyMap<string, Resource<unknown>>;
  readonly volumes: ReadonlyMap<string, Resource<VolumeSpec>>;
  readonly configs: ReadonlyMap<string, Resource<unknown>>;
  readonly secrets: ReadonlyMap<string, Resource<unknown>>;
}

export interface ReadService {
  readonly spec: ServiceSpec;
  readonly build: Build | undefined;
}

export function readService(
  name: string,
  service: Cursor,
  dependencies: readonly DependsOn[],
  context: ServiceContext,
): ReadService {
  service.checkKeys(SERVICE_KEYS);
  const build = service.field('build', (cursor) => readBuild(cursor, context));
  const image = service.field('image', (cursor) => cursor.string());
  if (image === undefined && build === undefined) service.report('has neither image nor build', 'add one');
  const deploy = readDeploy(service);
  const own = service.field('x-gantry', readOwn);
  const stack = { [STACK_LABEL]: context.stackName };
  const spec = ServiceSpec.fromPartial({
    annotations: { name: `${context.stackName}_${name}`, labels: { ...deploy.labels, ...stack } },
    task: {
      container: readContainer(service, image ?? `${context.stackName}-${name}:latest`, stack, context),
      ...(deploy.resources === undefined ? {} : { resources: deploy.resources }),
      restart: deploy.restart,
      networks: readAttachments(name, service, context),
    },
    mode: deploy.mode,
    endpointMode: deploy.endpointMode,
    ingressScope: own?.ingressScope ?? IngressScope.CLUSTER,
    placement: placementOf(deploy.placement, {
      strategy: own?.strategy,
      platform: service.field('platform', readPlatform),
    }),
    update: deploy.update,
    rollback: deploy.rollback,
    ports: service.field('ports', (cursor) => cursor.items(readPorts).flat()) ?? [],
    dependencies: dependencies.map(({ service: other, condition }) => ({
      service: `${context.stackName}_${other}`,
      condition,
    })),
  });
  checkPorts(service, spec.ports);
  return { spec, build };
}

interface Own {
  readonly strategy: PlacementStrategy | undefined;
  readonly ingressScope: IngressScope | undefined;
}

function readOwn(own: Cursor): Own {
  own.checkKeys(OWN_KEYS);
  const strategy = own.field('strategy', (cursor) => cursor.oneOf(['spread', 'binpack']));
  const ingress = own.field('ingress', (cursor) => cursor.oneOf(['cluster', 'local']));
  return {
    strategy: strategy && CLUSTER_STRATEGIES[strategy],
    ingressScope: ingress && INGRESS_SCOPES[ingress],
  };
}

const INGRESS_SCOPES = { cluster: IngressScope.CLUSTER, local: IngressScope.LOCAL } as const;

function readPlatform(cursor: Cursor): Platform {
  const platform = parsePlatform(cursor.string());
  if (platform !== undefined) return platform;
  throw cursor.problem(
    `"${cursor.string()}" is not a platform of nodes`,
    'write it as linux/amd64 or linux/arm64: nodes tell no variant of theirs',
  );
}

interface OwnPlacement {
  readonly strategy: PlacementStrategy | undefined;
  readonly platform: Platform | undefined;
}

function placementOf(placement: Placement | undefined, { strategy, platform }: OwnPlacement): Placement | undefined {
  if (strategy === undefined && platform === undefined) return placement;
  const before = placement ?? Placement.create();
  return {
    ...before,
    strategy: strategy ?? before.strategy,
    platforms: platform === undefined ? before.platforms : [platform],
  };
}

function checkPorts(service: Cursor, ports: readonly PortConfig[]): void {
  const seen = new Set<string>();
  for (const port of ports.filter(({ publishedPort }) => publishedPort !== 0)) {
    const key = `${port.hostIp}:${port.publishedPort}/${port.protocol}`;
    if (seen.has(key)) service.child('ports')?.report(`port ${port.publishedPort} is published twice`, 'remove one');
    seen.add(key);
  }
}

function readContainer(
  service: Cursor,
  image: string,
  stackLabels: Record<string, string>,
  context: ServiceContext,
): ContainerSpec {
  const text = (key: string) => service.field(key, (cursor) => cursor.string()) ?? '';
  const flag = (key: string) => service.field(key, (cursor) => cursor.boolean()) ?? false;
  const list = (key: string) => service.field(key, (cursor) => cursor.stringOrList()) ?? [];
  const entrypoint = service.field('entrypoint', readCommandLine);
  const command = service.field('command', readCommandLine);
  const healthcheck = service.field('healthcheck', readHealthcheck);
  service.field('expose', checkExposed);
  return ContainerSpec.fromPartial({
    image,
    ...(entrypoint === undefined ? {} : { entrypoint }),
    ...(command === undefined ? {} : { command }),
    ...(healthcheck === undefined ? {} : { healthcheck }),
    env: readEnvironment(service, context),
    dir: text('working_dir'),
    user: text('user'),
    groups: list('group_add'),
    hostname: service.field('hostname', readTemplate) ?? '',
    domainname: text('domainname'),
    labels: { ...service.field('labels', (cursor) => cursor.labels()), ...stackLabels },
    mounts: readMounts(service, context),
    stopSignal: text('stop_signal'),
    stopGracePeriodMs: service.field('stop_grace_period', (cursor) => cursor.durationMs()),
    tty: flag('tty'),
    openStdin: flag('stdin_open'),
    readOnly: flag('read_only'),
    init: flag('init'),
    privileged: flag('privileged'),
    capAdd: list('cap_add'),
    capDrop: list('cap_drop'),
    ulimits: service.field('ulimits', readUlimits) ?? [],
    sysctls: service.field('sysctls', (cursor) => cursor.labels()) ?? {},
    secrets: readFileReferences(service, 'secrets', context.secrets, (name) => `/run/secrets/${name}`),
    configs: readFileReferences(service, 'configs', context.configs, (name) => `/${name}`),
    extraHosts: service.field('extra_hosts', readExtraHosts) ?? [],
    dns: list('dns'),
    dnsSearch: list('dns_search'),
    dnsOptions: list('dns_opt'),
    shmSizeBytes: service.field('shm_size', (cursor) => cursor.bytes()) ?? 0,
    pullPolicy: service.field('pull_policy', (cursor) => readPullPolicy(cursor, service)) ?? PullPolicy.MISSING,
    oomScoreAdj: service.field('oom_score_adj', (cursor) => cursor.integer(-1000, 1000)) ?? 0,
  });
}

/** Of each node, when it gets a task. */
function readPullPolicy(cursor: Cursor, service: Cursor): PullPolicy {
  const policy = cursor.oneOf(['always', 'never', 'missing', 'if_not_present', 'build']);
  if (policy === 'always') return PullPolicy.ALWAYS;
  if (policy === 'never') return PullPolicy.NEVER;
  if (policy === 'build' && service.child('build') === undefined) {
    throw cursor.problem('"build" without a build section', 'add "build", or write missing');
  }
  return PullPolicy.MISSING;
}

/** `expose` documents ports that are open between containers anyway: checked, then nothing to do. */
function checkExposed(cursor: Cursor): void {
  for (const port of cursor.stringList()) {
    if (!/^\d{1,5}(-\d{1,5})?(\/(tcp|udp))?$/.test(port))
      cursor.report(`invalid port "${port}"`, 'write PORT[/tcp|udp]');
  }
}

function readMounts(service: Cursor, context: ServiceContext): Mount[] {
  const mountContext = {
    ...context,
    volume: (name: string, cursor: Cursor) => {
      const volume = context.volumes.get(name);
      if (volume === undefined) {
        throw cursor.problem(`volume "${name}" is not defined`, `add "${name}:" under the top-level volumes`);
      }
      return { source: volume.fullName, volume: volume.spec };
    },
  };
  const volumes = service.field('volumes', (cursor) => cursor.items((item) => readMount(item, mountContext))) ?? [];
  const tmpfs =
    service.field('tmpfs', (cursor) =>
      cursor.tree.kind === 'scalar' ? [readTmpfs(cursor)] : cursor.items((item) => readTmpfs(item)),
    ) ?? [];
  const mounts = [...volumes, ...tmpfs];
  const targets = new Set<string>();
  for (const { target } of mounts) {
    if (targets.has(target)) service.report(`two mounts have the target ${target}`, 'remove one');
    targets.add(target);
  }
  return mounts;
}

function readUlimits(cursor: Cursor): Ulimit[] {
  return cursor.entries().flatMap(([name, value]) => {
    const limit = value.attempt(() => {
      if (value.tree.kind === 'scalar') {
        const both = value.integer(-1);
        return { name, soft: both, hard: both };
      }
      value.checkKeys(ULIMIT_KEYS);
      const soft = value.field('soft', (child) => child.integer(-1));
      const hard = value.field('hard', (child) => child.integer(-1));
      if (soft === undefined || hard === undefined) throw value.problem('needs soft and hard', 'write both');
      return { name, soft, hard };
    });
    return limit === undefined ? [] : [limit];
  });
}

function readExtraHosts(cursor: Cursor): string[] {
  if (cursor.tree.kind === 'mapping') {
    return cursor.entries().flatMap(([host, value]) => value.stringOrList().map((address) => `${host}:${address}`));
  }
  return cursor.items((item) => {
    const text = item.string();
    const match = /^([^=:\s]+)[=:](.+)$/.exec(text);
    if (match === null) throw item.problem(`invalid host "${text}"`, 'write HOST:IP');
    return `${match[1]}:${match[2]?.replace(/^\[|\]$/g, '')}`;
  });
}

function readFileReferences(
  service: Cursor,
  key: 'secrets' | 'configs',
  defined: ReadonlyMap<string, Resource<unknown>>,
  defaultTarget: (name: string) => string,
): FileReference[] {
  const resolveSource = (name: string, cursor: Cursor): string => {
    const resource = defined.get(name);
    if (resource !== undefined) return resource.fullName;
    throw cursor.problem(`${key.slice(0, -1)} "${name}" is not defined`, `add "${name}:" under the top-level ${key}`);
  };
  const read = (item: Cursor): FileReference => {
    if (item.tree.kind === 'scalar') {
      const name = item.string();
      const target = defaultTarget(name);
      return { id: '', name: resolveSource(name, item), target, uid: 0, gid: 0, mode: 0o444 };
    }
    item.checkKeys(FILE_REFERENCE_KEYS);
    const source = item.field('source', (cursor) => cursor.string());
    if (source === undefined) throw item.problem('has no source', `add "source: NAME" of one of the top-level ${key}`);
    const target = item.field('target', (cursor) => cursor.string()) ?? source;
    return {
      id: '',
      name: resolveSource(source, item),
      target: target.startsWith('/') ? target : defaultTarget(target),
      uid: item.field('uid', (cursor) => cursor.integer(0, 2 ** 32 - 2)) ?? 0,
      gid: item.field('gid', (cursor) => cursor.integer(0, 2 ** 32 - 2)) ?? 0,
      mode: item.field('mode', (cursor) => cursor.fileMode()) ?? 0o444,
    };
  };
  return service.field(key, (cursor) => cursor.items(read)) ?? [];
}

function readAttachments(name: string, service: Cursor, context: ServiceContext): NetworkAttachmentConfig[] {
  const attach = (network: string, cursor: Cursor, aliases: readonly string[]): NetworkAttachmentConfig => {
    const resource = context.networks.get(network);
    if (resource === undefined) {
      throw cursor.problem(`network "${network}" is not defined`, `add "${network}:" under the top-level networks`);
    }
    return { target: resource.fullName, aliases: [...new Set([name, ...aliases])] };
  };
  const found = service.field('networks', (cursor) => {
    if (cursor.tree.kind === 'sequence') return cursor.items((item) => attach(item.string(), item, []));
    return cursor.entries().flatMap(([network, value]) => {
      const attachment = value.attempt(() => {
        if (value.isNull) return attach(network, value, []);
        value.checkKeys(ATTACHMENT_KEYS);
        return attach(network, value, value.field('aliases', (child) => child.stringList()) ?? []);
      });
      return attachment === undefined ? [] : [attachment];
    });
  });
  return found ?? [attach('default', service, [])];
}
