/** What a command line makes of a task's spec. Pure. */
import {
  ContainerSpec,
  type NetworkAttachmentConfig,
  RestartPolicy,
  TaskSpec,
} from '../../../../proto/generated/gantry/v1/types.ts';
import { invalidFlag } from '../../../command-line.ts';
import { CliError, EXIT } from '../../../failure.ts';
import type { Edit } from '../../../options/service-edits.ts';
import { changedContainer } from './container.ts';
import { changedResources } from './resources.ts';
import type { KnownNames, ServiceFlags } from './service-flags.ts';

export function changedTask(raw: TaskSpec | undefined, flags: ServiceFlags, names: KnownNames): TaskSpec {
  const task = raw ?? TaskSpec.create();
  return {
    container: changedContainer(task.container ?? ContainerSpec.create(), flags, names),
    resources: changedResources(task.resources, flags),
    restart: changedRestart(task.restart, flags),
    networks: changedNetworks(task.networks, flags.edits.networks, names.networks),
    forceUpdate: task.forceUpdate + (flags.options.force === true ? 1 : 0),
  };
}

function changedRestart(restart: RestartPolicy | undefined, { options }: ServiceFlags): RestartPolicy | undefined {
  const { restartCondition, restartDelay, restartMaxAttempts, restartWindow } = options;
  const given = [restartCondition, restartDelay, restartMaxAttempts, restartWindow];
  if (given.every((value) => value === undefined)) return restart;
  const before = restart ?? RestartPolicy.create();
  return {
    condition: restartCondition ?? before.condition,
    delayMs: restartDelay ?? before.delayMs,
    maxAttempts: restartMaxAttempts ?? before.maxAttempts,
    windowMs: restartWindow ?? before.windowMs,
  };
}

/** An attachment that is there has aliases that a new one would lose: as in Docker it must be removed first. */
function changedNetworks(
  networks: readonly NetworkAttachmentConfig[],
  { add, rm }: Edit<NetworkAttachmentConfig>,
  ids: ReadonlyMap<string, string>,
): NetworkAttachmentConfig[] {
  const idOf = (reference: string) => ids.get(reference) ?? reference;
  const known = new Set([...ids.values(), ...networks.map(({ target }) => idOf(target))]);
  const unknown = rm.find((reference) => !known.has(idOf(reference)));
  if (unknown !== undefined) throw invalidFlag('--network-rm', unknown, "'gantry network ls' lists the networks");
  const removed = new Set(rm.map(idOf));
  const kept = networks.filter(({ target }) => !removed.has(idOf(target)));
  const attached = add.find(({ target }) => kept.some((other) => idOf(other.target) === idOf(target)));
  if (attached !== undefined) {
    throw new CliError(`the service is already attached to network ${attached.target}`, {
      hint: `to change how, add --network-rm ${attached.target}`,
      exitCode: EXIT.refused,
    });
  }
  return [...kept, ...add];
}
