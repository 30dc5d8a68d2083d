/** `deploy` of a service: how many, with what, and how they are replaced. */
import { ENDPOINT_MODES } from '../../../proto/endpoint-mode.ts';
import {
  EndpointMode,
  type Placement,
  type Resources,
  type ServiceSpec,
  type UpdateConfig,
} from '../../../proto/generated/gantry/v1/types.ts';
import type { Fields, ModelCursor } from './model-cursor.ts';
import { convertPlacement } from './placement.ts';
import { convertResources } from './resources.ts';
import { convertRollbackConfig, convertUpdateConfig } from './update-config.ts';

export type Mode = NonNullable<ServiceSpec['mode']>;

export interface Deploy {
  readonly mode: Mode;
  readonly endpointMode: EndpointMode;
  readonly resources: Resources | undefined;
  /** For `convertDeviceRequests`. */
  readonly devices: ModelCursor | undefined;
  /** For `convertRestart`. */
  readonly restartPolicy: ModelCursor | undefined;
  readonly labels: Readonly<Record<string, string>>;
  readonly placement: Placement | undefined;
  readonly update: UpdateConfig | undefined;
  readonly rollback: UpdateConfig | undefined;
}

/** `scale` is an older word for `replicas`. */
export function convertDeploy(cursor: ModelCursor | undefined, scale: ModelCursor | undefined): Deploy {
  const deploy = cursor?.attempt((given) => given.object({}, (fields) => readDeploy(given, fields, scale)));
  return (
    deploy ?? {
      ...{ mode: replicated(scale?.attempt(readReplicas) ?? 1), endpointMode: EndpointMode.VIP, labels: {} },
      ...{ resources: undefined, devices: undefined, restartPolicy: undefined, placement: undefined },
      ...{ update: undefined, rollback: undefined },
    }
  );
}

function readDeploy(deploy: ModelCursor, fields: Fields, scale: ModelCursor | undefined): Deploy {
  // The model has the one in the other: what is wrong with it is where it was written.
  const replicas = fields.cursor('replicas');
  const { resources, devices } = fields.get('resources', convertResources) ?? {};
  return {
    mode: readMode(deploy, fields.cursor('mode'), scale ?? replicas),
    endpointMode: fields.get('endpoint_mode', readEndpointMode) ?? EndpointMode.VIP,
    resources,
    devices,
    restartPolicy: fields.cursor('restart_policy'),
    labels: fields.textByKey('labels'),
    placement: fields.get('placement', convertPlacement),
    update: fields.get('update_config', convertUpdateConfig),
    rollback: fields.get('rollback_config', convertRollbackConfig),
  };
}

function readEndpointMode(cursor: ModelCursor): EndpointMode {
  return ENDPOINT_MODES[cursor.oneOf(['vip', 'dnsrr'])];
}

function replicated(replicas: number): Mode {
  return { $case: 'replicated', value: { replicas } };
}

function readReplicas(cursor: ModelCursor): number {
  return cursor.integer(0, 100_000);
}

function readMode(deploy: ModelCursor, mode: ModelCursor | undefined, count: ModelCursor | undefined): Mode {
  const word = mode?.text() ?? 'replicated';
  const replicas = count?.attempt(readReplicas);
  switch (word) {
    case 'replicated':
      return replicated(replicas ?? 1);
    case 'replicated-job': {
      const totalCompletions = replicas ?? 1;
      // As many at a time: Compose has no key for fewer.
      return { $case: 'replicatedJob', value: { totalCompletions, maxConcurrent: Math.max(totalCompletions, 1) } };
    }
    case 'global':
    case 'global-job':
      count?.report(`does not go with "mode: ${word}"`, 'remove it');
      return word === 'global' ? { $case: 'global', value: {} } : { $case: 'globalJob', value: {} };
    default:
      (mode ?? deploy).report(`unknown mode "${word}"`, 'write replicated, global, replicated-job or global-job');
      return replicated(1);
  }
}
