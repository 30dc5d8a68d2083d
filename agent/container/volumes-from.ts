/** `--volumes-from`: the binds and volumes of other containers, at the same places. */
import { GantryError } from '../../proto/errors.ts';
import { type ContainerSpec, Mount, MountType } from '../../proto/generated/gantry/v1/types.ts';
import type { ContainerContext } from './context.ts';
import type { ContainerRecord } from './record.ts';

interface Source {
  readonly reference: string;
  readonly readOnly: boolean;
}

/** The spec with what it takes over; what it mounts itself at a place wins. INVALID_ARGUMENT, NOT_FOUND. */
export function withVolumesFrom(
  { index }: Pick<ContainerContext, 'index'>,
  spec: ContainerSpec,
  volumesFrom: readonly string[],
): ContainerSpec {
  if (volumesFrom.length === 0) return spec;
  const sources = volumesFrom.map(parseSource);
  const inherited = sources.map((source) => mountsOf(index.get(source.reference).record, source.readOnly));
  return { ...spec, mounts: mergeMounts([...inherited, spec.mounts]) };
}

/** NAME[:ro|rw] */
function parseSource(text: string): Source {
  const match = /^([^:]+)(?::(ro|rw))?$/.exec(text);
  if (match !== null) return { reference: match[1] ?? '', readOnly: match[2] === 'ro' };
  throw new GantryError('INVALID_ARGUMENT', `invalid volumes-from "${text}"`, { hint: 'write CONTAINER[:ro|rw]' });
}

/** Not its tmpfs: that is the container's own. What was read-only stays so. */
export function mountsOf(
  { config, volumes }: Pick<ContainerRecord, 'config' | 'volumes'>,
  readOnly: boolean,
): readonly Mount[] {
  const binds = (config.spec?.mounts ?? []).filter(({ type }) => type === MountType.BIND);
  const named = volumes.map((volume) =>
    Mount.create({
      type: MountType.VOLUME,
      source: volume.name,
      target: volume.target,
      readOnly: volume.readOnly,
      subpath: volume.subpath ?? '',
      // It has been filled by the container that it was made for.
      volumeNoCopy: true,
    }),
  );
  return [...binds, ...named].map((mount) => ({ ...mount, readOnly: mount.readOnly || readOnly }));
}

/** Of those at the same place the last one, where the later list has it. */
function mergeMounts(lists: readonly (readonly Mount[])[]): Mount[] {
  const byPlace = new Map<string, Mount>();
  for (const mount of lists.flat()) {
    const place = mount.target.replace(/(.)\/+$/, '$1');
    byPlace.delete(place);
    byPlace.set(place, mount);
  }
  return [...byPlace.values()];
}
