/** What a command line makes of a service's spec. Pure. */
import { Annotations, type ReplicatedJobMode, type ServiceSpec } from '../../../../proto/generated/gantry/v1/types.ts';
import { CliError, EXIT } from '../../../failure.ts';
import { portKey } from '../../../options/service-edits.ts';
import { matchesPort } from '../../../options/service-ports.ts';
import { editList, editRecord } from './edit-list.ts';
import { changedPlacement } from './placement.ts';
import { changedRollout, rollbackFlags, updateFlags } from './rollout-config.ts';
import type { KnownNames, ServiceFlags } from './service-flags.ts';
import { changedTask } from './task.ts';

/** The spec as the flags want it; all else stays as it is. Throws CliError for flags that the service can't have. */
export function applyServiceFlags(spec: ServiceSpec, flags: ServiceFlags, names: KnownNames): ServiceSpec {
  const { options, edits } = flags;
  const annotations = spec.annotations ?? Annotations.create();
  return {
    ...spec,
    annotations: { ...annotations, labels: editRecord(annotations.labels, edits.labels) },
    task: changedTask(spec.task, flags, names),
    mode: changedMode(spec, flags),
    placement: changedPlacement(spec.placement, flags),
    update: changedRollout(spec.update, updateFlags(options)),
    rollback: changedRollout(spec.rollback, rollbackFlags(options)),
    endpointMode: options.endpointMode ?? spec.endpointMode,
    ports: editList(spec.ports, {
      add: edits.ports.add,
      removes: (port) => edits.ports.rm.some((wanted) => matchesPort(port, wanted)),
      keyOf: portKey,
    }),
  };
}

function changedMode({ mode }: ServiceSpec, { options }: ServiceFlags): ServiceSpec['mode'] {
  const { replicas, replicasMaxPerNode, maxConcurrent } = options;
  if (mode?.$case === 'global' || mode?.$case === 'globalJob') {
    if (replicas !== undefined) throw onlyReplicated('--replicas');
    if (replicasMaxPerNode !== undefined) throw onlyReplicated('--replicas-max-per-node');
  }
  if (mode?.$case === 'replicatedJob') return { $case: 'replicatedJob', value: changedJob(mode.value, options) };
  if (maxConcurrent !== undefined) throw onlyJobs('--max-concurrent');
  return replicas === undefined ? mode : { $case: 'replicated', value: { replicas } };
}

/** As many at a time as in all, unless it says otherwise. */
function changedJob(
  before: ReplicatedJobMode,
  { replicas, maxConcurrent }: ServiceFlags['options'],
): ReplicatedJobMode {
  const together = before.maxConcurrent === before.totalCompletions;
  const totalCompletions = replicas ?? before.totalCompletions;
  return {
    totalCompletions,
    maxConcurrent: maxConcurrent ?? (together ? Math.max(totalCompletions, 1) : before.maxConcurrent),
  };
}

function onlyJobs(flag: string): CliError {
  return new CliError(`${flag} can only be used with a replicated job`, {
    hint: 'leave it out, or create the service with --mode replicated-job',
    exitCode: EXIT.refused,
  });
}

function onlyReplicated(flag: string): CliError {
  return new CliError(`${flag} can't be used with a global service`, {
    hint: 'leave it out: each node has one task',
    exitCode: EXIT.refused,
  });
}
