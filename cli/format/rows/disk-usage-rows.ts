/** What `system df` shows: a row for each kind of thing, and with -v one for each thing. */
import {
  type BuildCacheUsage,
  type ContainerDiskUsage,
  ContainerStatus,
  type DiskUsageResponse,
  type ImageDiskUsage,
  type VolumeDiskUsage,
} from '../../../proto/generated/gantry/v1/engine.ts';
import type { Fields } from '../../../proto/template/values.ts';
import { ago } from '../duration.ts';
import type { Listing } from '../listing.ts';
import { humanSize } from '../size.ts';
import { CONTAINER_LISTING, containerRow, type RowOptions } from './container-row.ts';
import { imageListing, imageRows } from './image-row.ts';

export const USAGE_LISTING: Listing = {
  headings: { Type: 'TYPE', TotalCount: 'TOTAL', Active: 'ACTIVE', Size: 'SIZE', Reclaimable: 'RECLAIMABLE' },
  defaultTable: '{{.Type}}\t{{.TotalCount}}\t{{.Active}}\t{{.Size}}\t{{.Reclaimable}}',
  quietField: 'Type',
};

const ACTIVE: readonly (ContainerStatus | undefined)[] = [
  ContainerStatus.RUNNING,
  ContainerStatus.PAUSED,
  ContainerStatus.RESTARTING,
];

export function usageRows({ imageBytes, images, containers, volumes, buildCache }: DiskUsageResponse): Fields[] {
  const usedImages = images.filter((image) => image.containers > 0);
  const activeContainers = containers.filter(({ container }) => ACTIVE.includes(container?.state?.status));
  const own = volumes.filter(({ sizeBytes }) => sizeBytes >= 0);
  const usedVolumes = own.filter(({ links }) => links > 0);
  const unshared = buildCache.filter(({ shared }) => !shared);
  const size = (sizes: readonly { readonly sizeBytes: number }[]) => sum(sizes.map(({ sizeBytes }) => sizeBytes));
  const written = (some: readonly ContainerDiskUsage[]) => sum(some.map(({ writableBytes }) => writableBytes));
  return [
    row('Images', images.length, usedImages.length, imageBytes, sum(usedImages.map(({ uniqueBytes }) => uniqueBytes))),
    row('Containers', containers.length, activeContainers.length, written(containers), written(activeContainers)),
    row('Local Volumes', volumes.length, volumes.filter(({ links }) => links > 0).length, size(own), size(usedVolumes)),
    row('Build Cache', buildCache.length, 0, size(unshared), 0),
  ];
}

/** `keptBytes`: of what is in use. */
function row(type: string, total: number, active: number, sizeBytes: number, keptBytes: number): Fields {
  const reclaimable = Math.max(0, sizeBytes - keptBytes);
  const percent = sizeBytes === 0 ? '' : ` (${Math.trunc((reclaimable * 100) / sizeBytes)}%)`;
  return {
    Active: String(active),
    Reclaimable: `${humanSize(reclaimable)}${type === 'Build Cache' ? '' : percent}`,
    Size: humanSize(sizeBytes),
    TotalCount: String(total),
    Type: type,
  };
}

function sum(bytes: readonly number[]): number {
  return bytes.reduce((total, one) => total + one, 0);
}

// ---- one by one ----

export const IMAGE_USAGE_LISTING: Listing = {
  ...imageListing(false),
  defaultTable:
    '{{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}\t{{.SharedSize}}\t{{.UniqueSize}}\t{{.Containers}}',
};

export function imageUsageRows(usage: ImageDiskUsage, options: RowOptions): Fields[] {
  if (usage.image === undefined) return [];
  const sizes = { SharedSize: humanSize(usage.sharedBytes), UniqueSize: humanSize(usage.uniqueBytes) };
  return imageRows(usage.image, options).map((one) => ({ ...one, ...sizes, Containers: String(usage.containers) }));
}

export const CONTAINER_USAGE_LISTING: Listing = {
  ...CONTAINER_LISTING,
  headings: { ...CONTAINER_LISTING.headings, Size: 'SIZE' },
  defaultTable:
    '{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.LocalVolumes}}\t{{.Size}}\t{{.RunningFor}}\t{{.Status}}\t{{.Names}}',
};

export function containerUsageRow(usage: ContainerDiskUsage, options: RowOptions): Fields {
  const { container, writableBytes, volumes } = usage;
  const fields = container === undefined ? {} : containerRow(container, options);
  return { ...fields, LocalVolumes: String(volumes), Size: humanSize(writableBytes) };
}

export const VOLUME_USAGE_LISTING: Listing = {
  headings: { Name: 'VOLUME NAME', Links: 'LINKS', Size: 'SIZE' },
  defaultTable: '{{.Name}}\t{{.Links}}\t{{.Size}}',
  quietField: 'Name',
};

export function volumeUsageRow({ volume, links, sizeBytes }: VolumeDiskUsage): Fields {
  return {
    Links: String(links),
    Name: volume?.name ?? '',
    Size: sizeBytes < 0 ? 'N/A' : humanSize(sizeBytes),
  };
}

export const CACHE_USAGE_LISTING: Listing = {
  headings: {
    ID: 'CACHE ID',
    CacheType: 'CACHE TYPE',
    Size: 'SIZE',
    CreatedSince: 'CREATED',
    LastUsedSince: 'LAST USED',
    UsageCount: 'USAGE',
    Shared: 'SHARED',
  },
  defaultTable:
    '{{.ID}}\t{{.CacheType}}\t{{.Size}}\t{{.CreatedSince}}\t{{.LastUsedSince}}\t{{.UsageCount}}\t{{.Shared}}',
  quietField: 'ID',
};

export function cacheUsageRow(usage: BuildCacheUsage, { truncate, nowMs }: RowOptions): Fields {
  return {
    CacheType: 'regular',
    CreatedSince: ago(usage.createdAtMs, nowMs),
    ID: truncate ? usage.id.slice(0, 12) : usage.id,
    LastUsedSince: ago(usage.usedAtMs, nowMs),
    Shared: String(usage.shared),
    Size: humanSize(usage.sizeBytes),
    UsageCount: String(usage.uses),
  };
}
