/** Which keys of the Compose specification are honoured, and what to do instead of each that isn't yet. */
import type { KeySet } from './syntax/cursor.ts';

function keySet(honoured: string, refused: Readonly<Record<string, string>> = {}): KeySet {
  return { honoured: new Set(honoured.split(/\s+/)), refused: new Map(Object.entries(refused)) };
}

const REMOVE = 'remove it';
const LIMITS = 'set it under deploy.resources';

export const TOP_KEYS = keySet('name version services networks volumes configs secrets', {
  models: 'run the model as a service of its own',
});

export const SERVICE_KEYS = keySet(
  `image build command entrypoint environment env_file ports volumes networks configs secrets healthcheck
   depends_on deploy labels user working_dir hostname domainname stop_signal stop_grace_period tmpfs read_only
   cap_add cap_drop ulimits sysctls init restart expose extra_hosts dns dns_search dns_opt tty stdin_open
   group_add privileged shm_size oom_score_adj platform pull_policy profiles`,
  {
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
    label_file: 'write the labels under labels',
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
  },
);

/** Of a service's `x-gantry`: what Compose has no word for. */
export const OWN_KEYS = keySet('strategy ingress');

export const BUILD_KEYS = keySet('context dockerfile dockerfile_inline args target labels no_cache tags', {
  additional_contexts: 'copy what is needed into the context',
  cache_from: 'remove it: the cache is kept on the host',
  cache_to: 'remove it: the cache is kept on the host',
  entitlements: REMOVE,
  extra_hosts: REMOVE,
  isolation: REMOVE,
  network: REMOVE,
  platforms: REMOVE,
  privileged: REMOVE,
  provenance: REMOVE,
  pull: REMOVE,
  sbom: REMOVE,
  secrets: REMOVE,
  shm_size: REMOVE,
  ssh: REMOVE,
  ulimits: REMOVE,
});

export const DEPLOY_KEYS = keySet(
  'mode endpoint_mode replicas resources restart_policy labels placement update_config rollback_config',
);

export const UPDATE_KEYS = keySet('parallelism delay order failure_action monitor max_failure_ratio');
export const PLACEMENT_KEYS = keySet('constraints preferences max_replicas_per_node');
export const PREFERENCE_KEYS = keySet('spread');
export const RESOURCES_KEYS = keySet('limits reservations');
export const LIMITS_KEYS = keySet('cpus memory pids');
export const RESERVATIONS_KEYS = keySet('cpus memory generic_resources', {
  devices: `name the units on their hosts, as in "gantryd --node-generic-resource gpu=UUID", and write
    "generic_resources: [{ discrete_resource_spec: { kind: gpu, value: 1 } }]" here`.replaceAll(/\s+/g, ' '),
});
export const GENERIC_RESOURCE_KEYS = keySet('discrete_resource_spec', {
  named_resource_spec:
    'write "discrete_resource_spec: { kind: gpu, value: 1 }": which unit a task gets is the cluster\'s to say',
});
export const DISCRETE_RESOURCE_KEYS = keySet('kind value');
export const RESTART_POLICY_KEYS = keySet('condition delay max_attempts window');
export const HEALTHCHECK_KEYS = keySet('test interval timeout retries start_period start_interval disable');
export const DEPENDENCY_KEYS = keySet('condition required restart');
export const PORT_KEYS = keySet('name target published host_ip protocol app_protocol mode');
export const MOUNT_KEYS = keySet('type source target read_only bind volume tmpfs consistency', { image: REMOVE });
export const BIND_KEYS = keySet('propagation create_host_path', { recursive: REMOVE, selinux: REMOVE });
export const VOLUME_OPTION_KEYS = keySet('nocopy labels', { subpath: 'mount the volume whole' });
export const TMPFS_KEYS = keySet('size mode');
export const FILE_REFERENCE_KEYS = keySet('source target uid gid mode');
export const ENV_FILE_KEYS = keySet('path required', { format: 'remove it: the format is that of .env files' });
export const ULIMIT_KEYS = keySet('soft hard');
export const ATTACHMENT_KEYS = keySet('aliases', {
  driver_opts: REMOVE,
  gw_priority: REMOVE,
  interface_name: REMOVE,
  ipv4_address: 'remove it and use the service name',
  ipv6_address: 'remove it and use the service name; containers of "gantry run" can have one: --ip6',
  link_local_ips: REMOVE,
  mac_address: REMOVE,
  priority: REMOVE,
});
export const NETWORK_KEYS = keySet('name driver driver_opts external internal attachable labels ipam enable_ipv6', {
  enable_ipv4: REMOVE,
});
export const IPAM_KEYS = keySet('driver config', { options: REMOVE });
export const IPAM_CONFIG_KEYS = keySet('subnet gateway ip_range', {
  aux_addresses: 'keep addresses free with an ip_range that they are not in',
});
export const VOLUME_KEYS = keySet('name driver driver_opts external labels');
export const CONFIG_KEYS = keySet('name file content environment external labels template_driver');
export const SECRET_KEYS = keySet('name file environment external labels template_driver', {
  driver: REMOVE,
  driver_opts: REMOVE,
});
