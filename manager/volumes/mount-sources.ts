/** What services mount that may be on some nodes only, and where it was when they were last deployed. Pure. */
import { GantryError } from '../../proto/errors.ts';
import { MountSources, MountType } from '../../proto/generated/gantry/v1/types.ts';
import { isHostPath, localVolumesOf } from '../store/local-volumes.ts';
import { sameMessage } from '../store/same-message.ts';
import type { CompleteServiceSpec } from '../store/service.ts';

export interface AskedSources {
  readonly paths: readonly string[];
  /** Names of external volumes: others are made where they are missing. */
  readonly volumes: readonly string[];
}

/** What nodes have said: ids of nodes by source. */
export interface FoundSources {
  readonly nodesOf: ReadonlyMap<string, readonly string[]>;
  /** Every node that there is has answered. */
  readonly isComplete: boolean;
}

export const NOTHING_FOUND: FoundSources = { nodesOf: new Map(), isComplete: false };

/** What a template comes to differs from node to node: it isn't asked for. */
export function sourcesToAsk(specs: readonly Pick<CompleteServiceSpec, 'task'>[]): AskedSources {
  const paths = specs.flatMap(({ task }) => localVolumesOf(task).filter(isHostPath));
  const volumes = specs.flatMap(({ task }) => externalVolumesOf(task.container));
  const plain = (sources: readonly string[]) => [...new Set(sources)].filter((source) => !source.includes('{{'));
  return { paths: plain(paths), volumes: plain(volumes) };
}

function externalVolumesOf({ mounts }: CompleteServiceSpec['task']['container']): string[] {
  return mounts.flatMap(({ type, source, volumeExternal }) =>
    type === MountType.VOLUME && volumeExternal ? [source] : [],
  );
}

/** Undefined when it mounts no such thing. Throws NOT_FOUND for an external volume that is on no node. */
export function sourcesOf(spec: CompleteServiceSpec, { nodesOf, isComplete }: FoundSources): MountSources | undefined {
  const { paths, volumes } = sourcesToAsk([spec]);
  const missing = volumes.find((name) => (nodesOf.get(name) ?? []).length === 0);
  if (missing !== undefined && isComplete) {
    throw new GantryError('NOT_FOUND', `service ${spec.annotations.name}: external volume "${missing}" is on no node`, {
      hint: `create it on the one that is to have it: gantry volume create ${missing}`,
    });
  }
  const sources = [...paths, ...volumes].flatMap((source) => {
    const nodeIds = nodesOf.get(source) ?? [];
    return nodeIds.length === 0 ? [] : [{ source, nodeIds: [...nodeIds].sort() }];
  });
  return sources.length === 0 ? undefined : { sources };
}

export function sameSources(a: MountSources | undefined, b: MountSources | undefined): boolean {
  return sameMessage(MountSources, a ?? MountSources.create(), b ?? MountSources.create());
}
