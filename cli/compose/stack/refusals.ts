/** Keys of the Compose specification that aren't honoured, and what to do instead of each. */
import type { Refusals } from './model-cursor.ts';

const REMOVE = 'remove it';
const LIMITS = 'set it under deploy.resources';

export const TOP_REFUSALS: Refusals = {
  models: 'run the model as a service of its own',
};

export const SERVICE_REFUSALS: Refusals = {
  annotations: 'use labels',
  attach: REMOVE,
  blkio_config: REMOVE,
  cgroup: REMOVE,
  cgroup_parent: REMOVE,
  container_name: 'remove it: containers are named STACK_SERVICE.SLOT.ID',
  cpu_count: LIMITS,
  cpu_percent: LIMITS,
  cpu_period: LIMITS,
  cpu_quota: LIMITS,
  cpu_rt_period: REMOVE,
  cpu_rt_runtime: REMOVE,
  cpu_shares: LIMITS,
  cpus: 'write it as deploy.resources.limits.cpus',
  cpuset: REMOVE,
  credential_spec: 'it is for Windows containers; remove it',
  develop: 'it is for development on one machine; remove it',
  device_cgroup_rules: REMOVE,
  devices: REMOVE,
  external_links: 'put both services on one network',
  gpus: REMOVE,
  ipc: REMOVE,
  isolation: 'it is for Windows containers; remove it',
  links: 'remove it: services of a network find each other by name',
  logging: REMOVE,
  mac_address: REMOVE,
  mem_limit: 'write it as deploy.resources.limits.memory',
  mem_reservation: 'write it as deploy.resources.reservations.memory',
  mem_swappiness: REMOVE,
  memswap_limit: REMOVE,
  models: REMOVE,
  network_mode: 'use networks',
  oom_kill_disable: REMOVE,
  pid: REMOVE,
  pids_limit: 'write it as deploy.resources.limits.pids',
  post_start: 'do it in the entrypoint',
  pre_stop: 'do it on the stop signal',
  provider: REMOVE,
  pull_refresh_after: REMOVE,
  runtime: REMOVE,
  scale: 'write it as deploy.replicas',
  security_opt: REMOVE,
  storage_opt: REMOVE,
  use_api_socket: REMOVE,
  userns_mode: REMOVE,
  uts: REMOVE,
  volumes_from: 'share a named volume',
};

export const BUILD_REFUSALS: Refusals = {
  additional_contexts: 'copy what is needed into the context',
  cache_from: 'remove it: the cache is kept on the host',
  cache_to: 'remove it: the cache is kept on the host',
  entitlements: REMOVE,
  extra_hosts: REMOVE,
  isolation: REMOVE,
  network: REMOVE,
  no_cache_filter: REMOVE,
  platforms: REMOVE,
  privileged: REMOVE,
  provenance: REMOVE,
  pull: REMOVE,
  sbom: REMOVE,
  secrets: REMOVE,
  shm_size: REMOVE,
  ssh: REMOVE,
  ulimits: REMOVE,
};

export const RESERVATIONS_REFUSALS: Refusals = {
  devices:
    'name the units on their hosts, as in "gantryd --node-generic-resource gpu=UUID", and write ' +
    '"generic_resources: [{ discrete_resource_spec: { kind: gpu, value: 1 } }]" here',
};

export const MOUNT_REFUSALS: Refusals = { image: REMOVE };
export const BIND_REFUSALS: Refusals = { recursive: REMOVE, selinux: REMOVE };
export const VOLUME_MOUNT_REFUSALS: Refusals = { subpath: 'mount the volume whole' };

export const ATTACHMENT_REFUSALS: Refusals = {
  driver_opts: REMOVE,
  gw_priority: REMOVE,
  interface_name: REMOVE,
  ipv4_address: 'remove it and use the service name',
  ipv6_address: 'remove it and use the service name; containers of "gantry run" can have one: --ip6',
  link_local_ips: REMOVE,
  mac_address: REMOVE,
  priority: REMOVE,
};

export const NETWORK_REFUSALS: Refusals = { enable_ipv4: REMOVE };
export const IPAM_REFUSALS: Refusals = { options: REMOVE };
export const POOL_REFUSALS: Refusals = {
  aux_addresses: 'keep addresses free with an ip_range that they are not in',
};
export const SECRET_REFUSALS: Refusals = { driver: REMOVE, driver_opts: REMOVE };
