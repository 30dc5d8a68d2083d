/** `deploy` of a service (Compose Deploy specification), and the devices that one asks for. */
import type { Json, JsonObject } from './json.ts';
import {
  boolean,
  bytes,
  count,
  duration,
  durationUnlessZero,
  integer,
  kept,
  keyValues,
  list,
  number,
  object,
  oneOf,
  type Read,
  strings,
  text,
} from './read.ts';

const REQUEST = object({
  capabilities: strings,
  driver: text,
  count: integer(-1, Number.MAX_SAFE_INTEGER, 'all'),
  device_ids: strings,
  options: keyValues(''),
});

const request: Read = (cursor, mode) => {
  const read = REQUEST(cursor, mode) as JsonObject;
  if (cursor.child('count') !== undefined && cursor.child('device_ids') !== undefined) {
    cursor.report('has both count and device_ids', 'remove one');
  }
  return cursor.child('count') === undefined && cursor.child('device_ids') === undefined
    ? { ...read, count: -1 }
    : read;
};

export const gpus: Read = (cursor, mode) => {
  if (cursor.tree.kind === 'scalar') return oneOf('all')(cursor, mode) === undefined ? [] : [{ count: -1 }];
  return list(request)(cursor, mode);
};

const generic = object({
  discrete_resource_spec: object({ kind: kept(text), value: kept(count) }),
});

const updateConfig = object({
  parallelism: kept(count),
  delay: durationUnlessZero,
  failure_action: text,
  monitor: durationUnlessZero,
  max_failure_ratio: number,
  order: oneOf('start-first', 'stop-first'),
});

const deploy = object({
  mode: text,
  replicas: kept(count),
  labels: keyValues(''),
  update_config: updateConfig,
  rollback_config: updateConfig,
  resources: object({
    limits: object({ cpus: number, memory: bytes, pids: count }),
    reservations: object({
      cpus: number,
      memory: bytes,
      pids: count,
      devices: list(request),
      generic_resources: list(generic),
    }),
  }),
  restart_policy: object({ condition: text, delay: kept(duration), max_attempts: kept(count), window: kept(duration) }),
  placement: object({
    constraints: strings,
    preferences: list(object({ spread: text })),
    max_replicas_per_node: count,
  }),
  endpoint_mode: text,
});

/** These two are there even when they say nothing. */
const STRUCTURES: Readonly<Record<string, Json>> = { resources: {}, placement: {} };

const whole: Read = (cursor, mode) => ({ ...STRUCTURES, ...(deploy(cursor, mode) as JsonObject) });

export { whole as deploy };

const watch = object(
  {
    path: text,
    action: oneOf('rebuild', 'sync', 'restart', 'sync+restart', 'sync+exec'),
    target: text,
    exec: object({
      command: strings,
      user: text,
      privileged: boolean,
      working_dir: text,
      environment: keyValues(null),
    }),
    include: (cursor, mode) => (cursor.tree.kind === 'scalar' ? [text(cursor, mode)] : strings(cursor, mode)),
    ignore: (cursor, mode) => (cursor.tree.kind === 'scalar' ? [text(cursor, mode)] : strings(cursor, mode)),
    initial_sync: boolean,
  },
  ['path', 'action'],
);

export const develop: Read = object({ watch: list(watch) });
