/** Keys of the Compose specification that aren't honoured, and what to do instead of each. */
import type { Refusals } from './model-cursor.ts';

const REMOVE = 'remove it';
const REAL_TIME = 'allow a real-time policy instead: "cap_add: [SYS_NICE]" and "ulimits: { rtprio: 50 }"';

export const TOP_REFUSALS: Refusals = {
  models: 'run the model as a service of its own',
};

export const SERVICE_REFUSALS: Refusals = {
  cpu_count: 'it is for Windows containers; write cpus',
  cpu_percent: 'it is for Windows containers; write cpus',
  cpu_rt_period: REAL_TIME,
  cpu_rt_runtime: REAL_TIME,
  credential_spec: 'it is for Windows containers; remove it',
  develop: 'it is for development on one machine; remove it',
  external_links: 'put both services on one network',
  isolation: 'it is for Windows containers; remove it',
  models: REMOVE,
  provider: REMOVE,
  pull_refresh_after: REMOVE,
  storage_opt: REMOVE,
  use_api_socket: REMOVE,
};

export const BUILD_REFUSALS: Refusals = {
  entitlements: REMOVE,
  isolation: 'it is for Windows containers; remove it',
  privileged: 'remove it: steps run without the rights of the host',
};

const IN_DOCKERFILE = 'say it in the Dockerfile: RUN --mount=type=secret,id=NAME,uid=1000,gid=1000,mode=0400';
export const BUILD_SECRET_REFUSALS: Refusals = { uid: IN_DOCKERFILE, gid: IN_DOCKERFILE, mode: IN_DOCKERFILE };

export const RESERVATIONS_REFUSALS: Refusals = {
  pids: 'write it under limits: pids are limited, not reserved',
};

export const IPAM_REFUSALS: Refusals = { options: REMOVE };
export const SECRET_REFUSALS: Refusals = { driver: REMOVE, driver_opts: REMOVE };
