/** All keys that a service can have, each with what its canonical form is (Compose specification, 05-services). */
import { build } from './build.ts';
import {
  blockDevice,
  dependsOn,
  envFiles,
  extraHosts,
  healthcheck,
  hooks,
  logging,
  models,
  networks,
  preStart,
  provider,
  ulimits,
} from './containers.ts';
import { deploy, develop, gpus } from './deploy.ts';
import type { JsonObject } from './json.ts';
import { device, fileReference, mount } from './mounts.ts';
import { ports } from './ports.ts';
import {
  anyInteger,
  boolean,
  bytes,
  commandLine,
  count,
  duration,
  type Fields,
  integer,
  kept,
  keyValues,
  list,
  number,
  object,
  oneOf,
  oneOrMore,
  options,
  type Read,
  strings,
  text,
  textOrNumber,
} from './read.ts';

const PULL_POLICY = /^(always|never|build|if_not_present|missing|refresh|daily|weekly|every_([0-9]+[wdhms])+)$/;

const pullPolicy: Read = (cursor, mode) => {
  const word = text(cursor, mode);
  if (word === 'if_not_present') return 'missing';
  if (PULL_POLICY.test(word) || word.includes('$')) return word;
  throw cursor.problem(
    `"${word}" is not allowed here`,
    'write always, never, missing, build, daily, weekly or every_12h',
  );
};

const RESOURCES: Fields = {
  blkio_config: object({
    weight: count,
    weight_device: blockDevice('weight', count),
    device_read_bps: blockDevice('rate', bytes),
    device_read_iops: blockDevice('rate', bytes),
    device_write_bps: blockDevice('rate', bytes),
    device_write_iops: blockDevice('rate', bytes),
  }),
  cpu_count: count,
  cpu_percent: number,
  cpu_period: anyInteger,
  cpu_quota: anyInteger,
  cpu_rt_period: anyInteger,
  cpu_rt_runtime: anyInteger,
  cpu_shares: anyInteger,
  cpus: number,
  cpuset: text,
  mem_limit: bytes,
  mem_reservation: bytes,
  mem_swappiness: bytes,
  memswap_limit: bytes,
  oom_kill_disable: boolean,
  oom_score_adj: integer(-1000, 1000),
  pids_limit: anyInteger,
  shm_size: bytes,
  ulimits,
};

/** Where none is said, after variables were replaced, none is meant. */
const dns: Read = (cursor, mode) => (oneOrMore(text)(cursor, mode) as string[]).filter((server) => server !== '');

const NETWORK: Fields = {
  dns,
  dns_opt: strings,
  dns_search: oneOrMore(text),
  domainname: text,
  expose: list(textOrNumber),
  external_links: strings,
  extra_hosts: extraHosts,
  hostname: text,
  links: strings,
  mac_address: text,
  network_mode: text,
  networks,
  ports,
};

const STORAGE: Fields = {
  configs: list(fileReference(undefined)),
  device_cgroup_rules: strings,
  devices: list(device),
  secrets: list(fileReference('/run/secrets')),
  storage_opt: options,
  tmpfs: oneOrMore(text),
  volumes: list(mount),
  volumes_from: strings,
};

const ISOLATION: Fields = {
  cap_add: strings,
  cap_drop: strings,
  cgroup: oneOf('host', 'private'),
  cgroup_parent: text,
  credential_spec: object({ config: text, file: text, registry: text }),
  gpus,
  ipc: text,
  isolation: text,
  pid: text,
  privileged: boolean,
  read_only: boolean,
  runtime: text,
  security_opt: strings,
  sysctls: keyValues(''),
  use_api_socket: boolean,
  userns_mode: text,
  uts: text,
};

const PROCESS: Fields = {
  annotations: keyValues(''),
  attach: kept(boolean),
  build,
  command: kept(commandLine),
  container_name: text,
  depends_on: dependsOn,
  deploy,
  develop,
  entrypoint: kept(commandLine),
  env_file: envFiles,
  environment: keyValues(null),
  group_add: list(textOrNumber),
  healthcheck,
  image: text,
  init: kept(boolean),
  label_file: oneOrMore(text),
  labels: keyValues(''),
  logging,
  models,
  platform: text,
  post_start: hooks,
  pre_start: preStart,
  pre_stop: hooks,
  profiles: strings,
  provider,
  pull_policy: pullPolicy,
  pull_refresh_after: text,
  restart: text,
  scale: kept(count),
  stdin_open: boolean,
  stop_grace_period: kept(duration),
  stop_signal: text,
  tty: boolean,
  user: text,
  working_dir: text,
};

const SERVICE = object({ ...PROCESS, ...ISOLATION, ...STORAGE, ...NETWORK, ...RESOURCES });

/** What a container runs is said even when the image says it: null. */
export const service: Read = (cursor, mode) => ({
  command: null,
  entrypoint: null,
  ...(SERVICE(cursor, mode) as JsonObject),
});
