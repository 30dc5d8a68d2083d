/** The keys of a service that say what its containers are. */
import { ContainerSpec, type Mount, type StringList } from '../../../proto/generated/gantry/v1/types.ts';
import { serviceOf } from '../model/normalize.ts';
import { CGROUP, convertCgroupSettings } from './cgroup.ts';
import { type ServiceContext, STACK_LABEL } from './context.ts';
import { type Converters, convertFields } from './converters.ts';
import { convertEnvironment } from './environment.ts';
import { convertExtraHosts } from './extra-hosts.ts';
import { convertFileReferences } from './file-references.ts';
import { convertHealthcheck } from './healthcheck.ts';
import { convertHooks, convertPreStart } from './hooks.ts';
import { ISOLATION } from './isolation.ts';
import { convertLogging } from './logging.ts';
import type { Fields, ModelCursor } from './model-cursor.ts';
import { convertMount, convertTmpfs } from './mounts.ts';
import { readNetworkService } from './network-mode.ts';
import { checkExposed } from './ports.ts';
import { readTemplate } from './templates.ts';
import { convertVolumesFrom, withoutHidden } from './volumes-from.ts';

const CONTAINER: Converters<ContainerSpec, ServiceContext> = {
  ...ISOLATION,
  ...CGROUP,
  command: (cursor) => ({ command: wordsAt(cursor) }),
  container_name: (cursor) => ({ containerName: cursor.text() }),
  configs: (cursor, { configs }) => ({ configs: convertFileReferences(cursor, configs, '') }),
  dns: (cursor) => ({ dns: cursor.texts() }),
  dns_opt: (cursor) => ({ dnsOptions: cursor.texts() }),
  dns_search: (cursor) => ({ dnsSearch: cursor.texts() }),
  domainname: (cursor) => ({ domainname: cursor.text() }),
  entrypoint: (cursor) => ({ entrypoint: wordsAt(cursor) }),
  environment: (cursor, context) => ({ env: convertEnvironment(cursor, context) }),
  expose: (cursor) => {
    checkExposed(cursor);
    return {};
  },
  extra_hosts: (cursor) => ({ extraHosts: convertExtraHosts(cursor) }),
  group_add: (cursor) => ({ groups: cursor.texts() }),
  healthcheck: (cursor) => ({ healthcheck: convertHealthcheck(cursor) }),
  hostname: (cursor) => ({ hostname: readTemplate(cursor) }),
  init: (cursor) => ({ init: cursor.boolean() }),
  labels: (cursor) => ({ labels: cursor.textByKey() }),
  logging: (cursor) => ({ log: convertLogging(cursor) }),
  network_mode: (cursor, context) => ({ networkOf: readNetworkService(cursor, context) }),
  post_start: (cursor) => ({ postStart: convertHooks(cursor) }),
  pre_start: (cursor, { model, service }) => ({
    preStart: convertPreStart(cursor, String(serviceOf(model, service)?.image ?? '')),
  }),
  pre_stop: (cursor) => ({ preStop: convertHooks(cursor) }),
  secrets: (cursor, { secrets }) => ({ secrets: convertFileReferences(cursor, secrets, '/run/secrets') }),
  stdin_open: (cursor) => ({ openStdin: cursor.boolean() }),
  stop_grace_period: (cursor) => ({ stopGracePeriodMs: cursor.durationMs() }),
  stop_signal: (cursor) => ({ stopSignal: cursor.text() }),
  tty: (cursor) => ({ tty: cursor.boolean() }),
  user: (cursor) => ({ user: cursor.text() }),
  working_dir: (cursor) => ({ dir: cursor.text() }),
};

export function convertContainer(fields: Fields, image: string, context: ServiceContext): ContainerSpec {
  const container: ContainerSpec = { ...ContainerSpec.create({ image }), ...convertFields(fields, CONTAINER, context) };
  return {
    ...container,
    labels: { ...container.labels, [STACK_LABEL]: context.model.name },
    mounts: readMounts(fields, context),
    cgroup: convertCgroupSettings(fields),
  };
}

function wordsAt(cursor: ModelCursor): StringList {
  return { items: cursor.texts() };
}

function readMounts(fields: Fields, context: ServiceContext): Mount[] {
  const targets = new Set<string>();
  const once = (item: ModelCursor, mount: Mount): Mount => {
    if (targets.has(mount.target)) throw item.problem(`two mounts have the target ${mount.target}`, 'remove one');
    targets.add(mount.target);
    return mount;
  };
  const volumes = fields.get('volumes', (list) => list.items((item) => once(item, convertMount(item, context))));
  const tmpfs = fields.get('tmpfs', (list) => list.items((item) => once(item, convertTmpfs(item))));
  const ofOthers = fields.get('volumes_from', (cursor) => convertVolumesFrom(cursor, context));
  return withoutHidden([...(volumes ?? []), ...(tmpfs ?? [])], ofOthers ?? []);
}
