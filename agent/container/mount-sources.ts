/** From the mounts that a user asked for to what is mounted: volumes acquired, host paths looked at or made. */
import { mkdirSync } from 'node:fs';
import { GantryError } from '../../proto/errors.ts';
import { type ContainerSpec, type Mount, MountType } from '../../proto/generated/gantry/v1/types.ts';
import type { Volumes } from '../volume/volumes.ts';
import type { CdiMount } from './cdi/cdi-spec.ts';
import type { ContainerContext } from './context.ts';
import type { ContainerRecord, RecordedImage, RecordedVolume } from './record.ts';
import { allSettledOrThrow } from './settled.ts';
import type { ResolvedMount } from './spec/mounts.ts';
import { statIfThere } from './stat-if-there.ts';
import type { VolumeParts } from './volume-parts.ts';

/** INVALID_ARGUMENT for a source that isn't there. `parts` are held until the caller closes them. */
export async function resolveMounts(
  record: ContainerRecord,
  { volumes, snapshots }: Pick<ContainerContext, 'volumes' | 'snapshots'>,
  parts: VolumeParts,
): Promise<ResolvedMount[]> {
  const mounts = record.config.spec?.mounts ?? [];
  const binds = mounts.filter(({ type }) => type === MountType.BIND).map(bindMount);
  const tmpfs = mounts.filter(({ type }) => type === MountType.TMPFS).map(tmpfsMount);
  const acquired = record.volumes.map((volume) => volumeMount(record.id, volume, volumes, parts));
  const images = (record.images ?? []).map((image) => imageMount(image, snapshots, parts));
  return [...binds, ...tmpfs, ...(await allSettledOrThrow([...acquired, ...images]))];
}

function bindMount(mount: Mount): ResolvedMount {
  const { source, target, readOnly, bindPropagation, bindRecursive } = mount;
  checkBindSources([mount]);
  if (statIfThere(source) === undefined) mkdirSync(source, { recursive: true });
  return { kind: 'bind', source, target, readOnly, propagation: bindPropagation, recursive: bindRecursive };
}

/** INVALID_ARGUMENT for a host path that is neither there nor to be made. */
export function checkBindSources(mounts: readonly Mount[]): void {
  for (const { type, source, target, bindCreateHostPath } of mounts) {
    if (type !== MountType.BIND || bindCreateHostPath || statIfThere(source) !== undefined) continue;
    throw new GantryError('INVALID_ARGUMENT', `bind source path does not exist: ${source}`, {
      hint: `create it, or mount something else at ${target}`,
    });
  }
}

/** What a device of the host's brings along. */
export function cdiMount({ hostPath, containerPath, options }: CdiMount): ResolvedMount {
  const own = new Set(['ro', 'rw', 'bind', 'rbind']);
  const propagation = options.find((option) => /^r?(private|slave|shared)$/.test(option)) ?? '';
  const flags = options.filter((option) => !own.has(option) && option !== propagation);
  const readOnly = options.includes('ro');
  return { kind: 'bind', source: hostPath, target: containerPath, readOnly, propagation, flags };
}

function tmpfsMount({ target, readOnly, tmpfsSizeBytes, tmpfsMode, tmpfsOptions }: Mount): ResolvedMount {
  return { kind: 'tmpfs', target, readOnly, sizeBytes: tmpfsSizeBytes, mode: tmpfsMode, options: tmpfsOptions };
}

async function volumeMount(
  user: string,
  { name, target, readOnly, subpath = '' }: RecordedVolume,
  volumes: Volumes,
  parts: VolumeParts,
): Promise<ResolvedMount> {
  const { mountpoint } = await volumes.acquire(name, user);
  const source = subpath === '' ? mountpoint : await parts.open(`volume ${name}`, mountpoint, subpath);
  return { kind: 'bind', source, target, readOnly, propagation: '' };
}

async function imageMount(
  { key, name, target, subpath }: RecordedImage,
  snapshots: ContainerContext['snapshots'],
  parts: VolumeParts,
): Promise<ResolvedMount> {
  const whole = await parts.openImage(snapshots, key);
  const source = subpath === '' ? whole : await parts.open(`image ${name}`, whole, subpath);
  return { kind: 'bind', source, target, readOnly: true, propagation: '' };
}

/** A volume that a container is to have, before it is made. */
export interface WantedVolume {
  readonly mount: Mount;
  readonly anonymous: boolean;
}

/** The volumes asked for, and an anonymous one for each VOLUME of the image that nothing else is mounted at. */
export function wantedVolumes(spec: ContainerSpec, imageVolumes: readonly string[]): WantedVolume[] {
  const taken = new Set(spec.mounts.map(({ target }) => target.replace(/(.)\/+$/, '$1')));
  const own = spec.mounts.filter(({ type }) => type === MountType.VOLUME);
  const implied = imageVolumes.filter((target) => !taken.has(target.replace(/(.)\/+$/, '$1')));
  return [
    ...own.map((mount) => ({ mount, anonymous: mount.source === '' })),
    ...implied.map((target) => ({ mount: anonymousVolume(target), anonymous: true })),
  ];
}

function anonymousVolume(target: string): Mount {
  return {
    type: MountType.VOLUME,
    source: '',
    target,
    readOnly: false,
    bindPropagation: '',
    bindCreateHostPath: false,
    volumeNoCopy: false,
    volume: undefined,
    tmpfsSizeBytes: 0,
    tmpfsMode: 0,
    subpath: '',
    bindRecursive: '',
    tmpfsOptions: [],
    volumeExternal: false,
  };
}
