/** Images as `images` lists them: one row per name. */
import type { Image } from '../../../proto/generated/gantry/v1/engine.ts';
import type { Fields } from '../../../proto/template/values.ts';
import { ago, goTime } from '../duration.ts';
import type { Listing } from '../listing.ts';
import { humanSize } from '../size.ts';
import { shortId } from '../table.ts';
import type { RowOptions } from './container-row.ts';

const HEADINGS = {
  ID: 'IMAGE ID',
  Repository: 'REPOSITORY',
  Tag: 'TAG',
  Digest: 'DIGEST',
  CreatedSince: 'CREATED',
  CreatedAt: 'CREATED AT',
  Size: 'SIZE',
  Containers: 'CONTAINERS',
  SharedSize: 'SHARED SIZE',
  UniqueSize: 'UNIQUE SIZE',
  VirtualSize: 'SIZE',
};

export function imageListing(digests: boolean): Listing {
  const digest = digests ? '{{.Digest}}\t' : '';
  return {
    headings: HEADINGS,
    defaultTable: `{{.Repository}}\t{{.Tag}}\t${digest}{{.ID}}\t{{.CreatedSince}}\t{{.Size}}`,
    quietField: 'ID',
  };
}

const NONE = '<none>';
const UNKNOWN = 'N/A';

/** An image needn't say when it was made, and one that is a cache doesn't: that isn't 1970. */
export function createdSince({ createdAtMs }: Pick<Image, 'createdAtMs'>, nowMs: number): string {
  return createdAtMs === 0 ? UNKNOWN : ago(createdAtMs, nowMs);
}

/** A row for each name; for an image without any, one row of `<none>`, or for each repository that it is from. */
export function imageRows(image: Image, options: RowOptions): Fields[] {
  if (image.tags.length === 0) {
    const repositories = new Set(image.digests.map((digest) => digest.slice(0, digest.indexOf('@'))));
    return [...(repositories.size > 0 ? repositories : [NONE])].map((name) => imageRow(image, name, NONE, options));
  }
  return image.tags.map((name) => {
    const { repository, tag } = splitName(name);
    return imageRow(image, repository, tag, options);
  });
}

function imageRow(image: Image, repository: string, tag: string, { truncate, nowMs }: RowOptions): Fields {
  const digest = image.digests.find((name) => name.startsWith(`${repository}@`)) ?? image.digests[0];
  return {
    Containers: 'N/A',
    get CreatedAt() {
      return image.createdAtMs === 0 ? UNKNOWN : goTime(image.createdAtMs);
    },
    CreatedSince: createdSince(image, nowMs),
    Digest: digest?.slice(digest.indexOf('@') + 1) ?? NONE,
    ID: truncate ? shortId(image.id) : image.id,
    Repository: repository,
    SharedSize: 'N/A',
    Size: humanSize(image.sizeBytes),
    Tag: tag,
    UniqueSize: 'N/A',
    VirtualSize: humanSize(image.sizeBytes),
  };
}

/** A colon before a slash belongs to a registry's port. */
export function splitName(name: string): { repository: string; tag: string } {
  const colon = name.lastIndexOf(':');
  if (colon === -1 || name.indexOf('/', colon) !== -1) return { repository: name, tag: 'latest' };
  return { repository: name.slice(0, colon), tag: name.slice(colon + 1) };
}
