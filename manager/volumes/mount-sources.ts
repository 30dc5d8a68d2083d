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
  /** Ids of nodes that haven't answered: what they have isn't known. */
  readonly silent: readonly string[];
  /** Every node that there is has answered. */
  readonly isComplete: boolean;
}

export const NOTHING_FOUND: FoundSources = { nodesOf: new Map(), silent: [], isComplete: false };

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

/**
 * Undefined when it mounts no such thing. Of nodes that haven't answered, what was known `before` still is. Throws NOT_FOUND for
 * an external volume that is on no node.
 */
export function sourcesOf(
  spec: CompleteServiceSpec,
  { nodesOf, silent, isComplete }: FoundSources,
  before?: MountSources,
): MountSources | undefined {
  const { paths, volumes } = sourcesToAsk([spec]);
  const missing = volumes.find((name) => (nodesOf.get(name) ?? []).length === 0);
  if (missing !== undefined && isComplete) {
    throw new GantryError('NOT_FOUND', `service ${spec.annotations.name}: external volume "${missing}" is on no node`, {
      hint: `create it on the one that is to have it: gantry volume create ${missing}`,
    });
  }
  const sources = [...paths, ...volumes].flatMap((source) => {
    const nodeIds = [...(nodesOf.get(source) ?? []), ...knownOf(before, source).filter((id) => silent.includes(id))];
    return nodeIds.length === 0 ? [] : [{ source, nodeIds: nodeIds.sort() }];
  });
  return sources.length === 0 ? undefined : { sources };
}

function knownOf(before: MountSources | undefined, source: string): readonly string[] {
  return before?.sources.find((one) => one.source === source)?.nodeIds ?? [];
}

export interface UnknownPlaces {
  readonly service: string;
  readonly source: string;
  /** Ids of nodes that have it. */
  readonly foundOn: readonly string[];
  /** Ids of nodes that haven't said, and of which it wasn't known before. */
  readonly silent: readonly string[];
}

/** What a service mounts that nodes which haven't answered may have, too. */
export function unknownPlaces(
  spec: CompleteServiceSpec,
  found: FoundSources,
  before: MountSources | undefined,
): UnknownPlaces[] {
  // Its tasks are where they are.
  if (spec.mode?.$case === 'global' || spec.mode?.$case === 'globalJob') return [];
  const { paths, volumes } = sourcesToAsk([spec]);
  const known = sourcesOf(spec, found, before);
  return [...paths, ...volumes].flatMap((source) => {
    const foundOn = knownOf(known, source);
    const silent = found.silent.filter((id) => !foundOn.includes(id));
    return silent.length === 0 ? [] : [{ service: spec.annotations.name, source, foundOn, silent }];
  });
}

export function sameSources(a: MountSources | undefined, b: MountSources | undefined): boolean {
  return sameMessage(MountSources, a ?? MountSources.create(), b ?? MountSources.create());
}
