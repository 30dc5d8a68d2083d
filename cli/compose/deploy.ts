/** `deploy:` and `restart:` of a service: how many, with what, and what happens when one ends. */
import { parseConstraint, parseSpread } from '../../proto/constraint.ts';
import { ENDPOINT_MODES } from '../../proto/endpoint-mode.ts';
import {
  EndpointMode,
  type GenericReservation,
  Placement,
  type ResourceAmounts,
  type Resources,
  RestartCondition,
  RestartPolicy,
  type ServiceSpec,
  type UpdateConfig,
} from '../../proto/generated/gantry/v1/types.ts';
import { isGenericReservation } from '../../proto/generic-resource.ts';
import { isJob } from '../../proto/service-mode.ts';
import {
  DEPLOY_KEYS,
  DISCRETE_RESOURCE_KEYS,
  GENERIC_RESOURCE_KEYS,
  LIMITS_KEYS,
  PLACEMENT_KEYS,
  PREFERENCE_KEYS,
  RESERVATIONS_KEYS,
  RESOURCES_KEYS,
  RESTART_POLICY_KEYS,
} from './keys.ts';
import type { Cursor } from './syntax/cursor.ts';
import { readRollbackConfig, readUpdateConfig } from './update-config.ts';

export interface Deploy {
  readonly mode: NonNullable<ServiceSpec['mode']>;
  readonly endpointMode: EndpointMode;
  readonly resources: Resources | undefined;
  readonly restart: RestartPolicy;
  readonly labels: Readonly<Record<string, string>>;
  readonly placement: Placement | undefined;
  readonly update: UpdateConfig | undefined;
  readonly rollback: UpdateConfig | undefined;
}

export function readDeploy(service: Cursor): Deploy {
  const deploy = service.child('deploy');
  if (deploy === undefined || deploy.isNull) {
    return {
      mode: replicated(1),
      endpointMode: EndpointMode.VIP,
      resources: undefined,
      restart: readRestart(service, 'any'),
      labels: {},
      placement: undefined,
      update: undefined,
      rollback: undefined,
    };
  }
  deploy.checkKeys(DEPLOY_KEYS);
  const mode = deploy.attempt(readMode) ?? replicated(1);
  return {
    mode,
    endpointMode: deploy.field('endpoint_mode', readEndpointMode) ?? EndpointMode.VIP,
    resources: deploy.field('resources', readResources),
    restart: isJob({ mode }) ? readJobRestart(service, deploy) : readServiceRestart(service, deploy),
    labels: deploy.field('labels', (cursor) => cursor.labels()) ?? {},
    placement: deploy.field('placement', readPlacement),
    update: deploy.field('update_config', readUpdateConfig),
    rollback: deploy.field('rollback_config', readRollbackConfig),
  };
}

function readEndpointMode(cursor: Cursor): EndpointMode {
  return ENDPOINT_MODES[cursor.oneOf(['vip', 'dnsrr'])];
}

function replicated(replicas: number): NonNullable<ServiceSpec['mode']> {
  return { $case: 'replicated', value: { replicas } };
}

function readMode(deploy: Cursor): NonNullable<ServiceSpec['mode']> {
  const mode = deploy.child('mode');
  const word = mode === undefined || mode.isNull ? 'replicated' : mode.string();
  const replicas = deploy.field('replicas', (cursor) => cursor.integer(0, 100_000));
  if (word === 'replicated') return replicated(replicas ?? 1);
  if (word === 'replicated-job') {
    const totalCompletions = replicas ?? 1;
    // As many at a time: Compose has no key for fewer.
    return { $case: 'replicatedJob', value: { totalCompletions, maxConcurrent: Math.max(totalCompletions, 1) } };
  }
  if (word !== 'global' && word !== 'global-job') {
    throw (mode ?? deploy).problem(`unknown mode "${word}"`, 'write replicated, global, replicated-job or global-job');
  }
  if (replicas !== undefined) deploy.child('replicas')?.report(`does not go with "mode: ${word}"`, 'remove it');
  return word === 'global' ? { $case: 'global', value: {} } : { $case: 'globalJob', value: {} };
}

/** Undefined when it says nothing, so that it is the same as one that isn't there. */
function readPlacement(cursor: Cursor): Placement | undefined {
  cursor.checkKeys(PLACEMENT_KEYS);
  const placement = Placement.fromPartial({
    constraints: cursor.field('constraints', (list) => list.items(readConstraint)) ?? [],
    spread: cursor.field('preferences', (list) => list.items(readPreference)) ?? [],
    maxReplicasPerNode: cursor.field('max_replicas_per_node', (child) => child.integer(0, 100_000)) ?? 0,
  });
  const says = placement.constraints.length + placement.spread.length + placement.maxReplicasPerNode > 0;
  return says ? placement : undefined;
}

function readConstraint(item: Cursor): string {
  const constraint = parseConstraint(item.string());
  if ('hint' in constraint) throw item.problem(constraint.message, constraint.hint);
  return constraint.text;
}

function readPreference(item: Cursor): string {
  item.checkKeys(PREFERENCE_KEYS);
  const spread = item.child('spread');
  if (spread === undefined) throw item.problem('has no spread', 'write "spread: node.labels.NAME"');
  const attribute = parseSpread(spread.string());
  if ('hint' in attribute) throw spread.problem(attribute.message, attribute.hint);
  return spread.string();
}

function readResources(cursor: Cursor): Resources {
  cursor.checkKeys(RESOURCES_KEYS);
  return {
    limits: cursor.field('limits', (child) => {
      child.checkKeys(LIMITS_KEYS);
      return readAmounts(child);
    }),
    reservations: cursor.field('reservations', (child) => {
      child.checkKeys(RESERVATIONS_KEYS);
      return readAmounts(child);
    }),
    genericReservations: cursor.field('reservations', (child) => child.field('generic_resources', readGeneric)) ?? [],
  };
}

/** Of a kind that is there twice, the last one counts, as in Docker. */
function readGeneric(list: Cursor): GenericReservation[] {
  const reservations = list.items((item) => {
    item.checkKeys(GENERIC_RESOURCE_KEYS);
    const discrete = item.child('discrete_resource_spec');
    if (discrete === undefined) throw item.problem('says not how many of what', GENERIC_HINT);
    discrete.checkKeys(DISCRETE_RESOURCE_KEYS);
    const kind = discrete.field('kind', (cursor) => cursor.string()) ?? '';
    const reservation = { kind, count: discrete.field('value', (cursor) => cursor.integer(1)) ?? 0 };
    if (!isGenericReservation(reservation)) throw discrete.problem('needs a kind and a value', GENERIC_HINT);
    return reservation;
  });
  return [...new Map(reservations.map((one) => [one.kind, one])).values()];
}

const GENERIC_HINT = 'write "discrete_resource_spec: { kind: gpu, value: 1 }"';

function readAmounts(cursor: Cursor): ResourceAmounts {
  return {
    nanoCpus: cursor.field('cpus', (child) => child.nanoCpus()) ?? 0,
    memoryBytes: cursor.field('memory', (child) => child.bytes()) ?? 0,
    pids: cursor.field('pids', (child) => child.integer(0)) ?? 0,
  };
}

type ConditionWord = keyof typeof CONDITIONS;

function readServiceRestart(service: Cursor, deploy: Cursor): RestartPolicy {
  return deploy.field('restart_policy', (cursor) => readRestartPolicy(cursor, 'any')) ?? readRestart(service, 'any');
}

/** A job that is always restarted would never be done. */
function readJobRestart(service: Cursor, deploy: Cursor): RestartPolicy {
  const long = deploy.field('restart_policy', (cursor) => readRestartPolicy(cursor, 'on-failure'));
  const policy = long ?? readRestart(service, 'on-failure');
  if (policy.condition === RestartCondition.ANY) {
    const place = long === undefined ? service.child('restart') : deploy.child('restart_policy');
    (place ?? service).report('a job that is always restarted is never done', 'restart it on-failure, or not at all');
  }
  return policy;
}

function readRestartPolicy(cursor: Cursor, otherwise: ConditionWord): RestartPolicy {
  cursor.checkKeys(RESTART_POLICY_KEYS);
  const word = cursor.field('condition', (child) => child.oneOf(['any', 'on-failure', 'none'])) ?? otherwise;
  return {
    condition: CONDITIONS[word],
    delayMs: cursor.field('delay', (child) => child.durationMs()),
    maxAttempts: cursor.field('max_attempts', (child) => child.integer(0, 1_000_000)) ?? 0,
    windowMs: cursor.field('window', (child) => child.durationMs()) ?? 0,
  };
}

const CONDITIONS = {
  any: RestartCondition.ANY,
  'on-failure': RestartCondition.ON_FAILURE,
  none: RestartCondition.NONE,
} as const;

/** The short form, `restart: on-failure:3`; a service of a stack is restarted unless it says otherwise. */
function readRestart(service: Cursor, otherwise: ConditionWord): RestartPolicy {
  return (
    service.field('restart', (cursor) => {
      const text = cursor.string();
      const match = /^(no|always|unless-stopped|on-failure)(?::(\d+))?$/.exec(text);
      if (match === null || (match[2] !== undefined && match[1] !== 'on-failure')) {
        throw cursor.problem(`unknown restart policy "${text}"`, 'write no, always, unless-stopped or on-failure[:N]');
      }
      const condition =
        match[1] === 'no' ? CONDITIONS.none : match[1] === 'on-failure' ? CONDITIONS['on-failure'] : CONDITIONS.any;
      return RestartPolicy.fromPartial({ condition, maxAttempts: Number(match[2] ?? 0) });
    }) ?? RestartPolicy.fromPartial({ condition: CONDITIONS[otherwise] })
  );
}
