/** Keys of the Compose specification that aren't honoured, and what to do instead of each. */
import type { Refusals } from './model-cursor.ts';

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
  develop: "remove it, and run 'gantry compose up -d --build' after changes; a bind mount shows them at once",
  external_links:
    'put both services on one network, "external: true" in the files of one of them: there each is found by its name and its aliases',
  models: 'run the model as a service of its own, and say under environment where it is',
  provider: 'run what it provides as a service of its own, or elsewhere, and say under environment where it is',
  storage_opt: 'put what grows on a volume, or on a tmpfs, which can have a size: "tmpfs: [/var/tmp:size=1g]"',
  use_api_socket: 'mount the socket: "volumes: [/run/gantry/gantry.sock:/run/gantry/gantry.sock]"',
};

const IN_DOCKERFILE = 'say it in the Dockerfile: RUN --mount=type=secret,id=NAME,uid=1000,gid=1000,mode=0400';
export const BUILD_SECRET_REFUSALS: Refusals = { uid: IN_DOCKERFILE, gid: IN_DOCKERFILE, mode: IN_DOCKERFILE };

export const RESERVATIONS_REFUSALS: Refusals = {
  pids: 'write it under limits: pids are limited, not reserved',
};

const OWN_SECRET =
  'give it a file or an environment variable, or make it with "gantry secret create" and write "external: true"';
export const SECRET_REFUSALS: Refusals = { driver: OWN_SECRET, driver_opts: OWN_SECRET };
