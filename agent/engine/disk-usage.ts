/** What `system df` tells: what images, containers, volumes and the build cache take on this host. */
import type { DiskUsageResponse } from '../../proto/generated/gantry/v1/engine.ts';
import type { EngineParts } from './api.ts';

type UsageParts = Pick<EngineParts, 'usage' | 'containers' | 'volumes' | 'builder'>;

export async function diskUsage({ usage, containers, volumes, builder }: UsageParts): Promise<DiskUsageResponse> {
  const all = await containers.list({ all: true, filters: [] });
  const { records, totalBytes } = usage.images();
  const known = await volumes.list([]);
  const writable = await usage.writable(all.map(({ id }) => id));
  const mounted = new Set((await volumes.report()).mounted);
  const ownVolumes = known.filter(({ name }) => !mounted.has(name));
  const volumeBytes = await usage.measure(ownVolumes.map(({ mountpoint }) => mountpoint));
  const sizeOfVolume = new Map(ownVolumes.map(({ name }, index) => [name, volumeBytes[index] ?? 0]));
  const links = Map.groupBy(
    all.flatMap(({ id }) => containers.volumesOf(id)),
    (name) => name,
  );
  const imageBytes = new Map(
    records.map(({ image, sharedBytes, uniqueBytes }) => [image?.id, sharedBytes + uniqueBytes]),
  );
  return {
    imageBytes: totalBytes,
    images: records.map((record) => ({
      ...record,
      containers: all.filter(({ imageId }) => imageId === record.image?.id).length,
    })),
    containers: all.map((container, index) => ({
      container,
      writableBytes: writable[index] ?? 0,
      rootBytes: (writable[index] ?? 0) + (imageBytes.get(container.imageId) ?? 0),
      volumes: containers.volumesOf(container.id).length,
    })),
    volumes: known.map((volume) => ({
      volume,
      sizeBytes: sizeOfVolume.get(volume.name) ?? -1,
      links: links.get(volume.name)?.length ?? 0,
    })),
    buildCache: builder.cacheUsage(),
  };
}
