/** What removing an image takes away, by Docker's rules. Pure. */
import { GantryError } from '../../proto/errors.ts';
import type { Digest } from '../../proto/ids.ts';
import { parseReference } from '../../proto/image-reference.ts';
import type { IndexState } from './image-index.ts';
import { findImage, isDigestName, namesOf, shortId, shortName } from './image-lookup.ts';
import { besides } from './index-images.ts';

export interface RemovalPlan {
  /** Canonical names that go. */
  readonly names: readonly string[];
  /** Manifests that go; none when only names do. */
  readonly manifests: readonly Digest[];
  /** Ids of the image and of the layers that nobody else has: what Docker shows as deleted. */
  readonly deleted: readonly Digest[];
}

export interface RemovalOptions {
  readonly force: boolean;
  /** Who uses the image, for the error. */
  readonly isUsed: (id: Digest) => string | undefined;
}

/**
 * A name that isn't the image's last is taken away and no more. The last name, or an id, takes the image with it,
 * unless a container was made from it: refused, or with `force` only its names go. An id of an image with several
 * names is refused without `force`.
 */
export function planRemoval(state: IndexState, reference: string, options: RemovalOptions): RemovalPlan {
  const { record, name } = findImage(state, reference);
  const all = namesOf(state, record.id);
  const names = name === undefined ? all : withLastDigests(namesMeant(state, reference, name), all);
  if (names.length < all.length) return { names, manifests: [], deleted: [] };
  const id = shortId(record.id);
  if (name === undefined && hasSeveral(all) && !options.force) {
    throw new GantryError(
      'IN_USE',
      `unable to delete ${id} (must be forced): image has several names: ${all.map(shortName).join(', ')}`,
      {
        hint: 'remove the names one by one, or use --force',
      },
    );
  }
  // With the names go the images beside it, for other platforms.
  const going = [record, ...besides(state, record.id)].map((image) => image.id);
  const user = going.flatMap((one) => options.isUsed(one) ?? [])[0];
  if (user !== undefined && (!options.force || names.length === 0)) {
    const what = name === undefined ? `delete ${id}` : `remove ${shortName(name)}`;
    throw new GantryError('IN_USE', `unable to ${what}: container ${user} is using the image ${id}`, {
      hint: 'remove the container first',
    });
  }
  if (user !== undefined) return { names, manifests: [], deleted: [] };
  const ids = new Set(going);
  const gone = [...state.images.values()].filter((image) => ids.has(image.id));
  const manifests = gone.map(({ manifestDigest }) => manifestDigest);
  return { names, manifests, deleted: [...ids, ...ownLayers(state, ids)] };
}

/** A tag and the digests of its repository count as one. */
function hasSeveral(names: readonly string[]): boolean {
  const tags = names.filter((name) => !isDigestName(name));
  return tags.length > 1 || new Set(names.map(repositoryOf)).size > 1;
}

/** A repository's digests go with the last of its tags. */
function withLastDigests(names: readonly string[], all: readonly string[]): readonly string[] {
  const left = all.filter((name) => !names.includes(name));
  const tagged = new Set(left.filter((name) => !isDigestName(name)).map(repositoryOf));
  const removed = new Set(names.map(repositoryOf));
  const orphans = left.filter((name) => {
    const repository = repositoryOf(name);
    return isDigestName(name) && removed.has(repository) && !tagged.has(repository);
  });
  return [...names, ...orphans];
}

function repositoryOf(name: string): string {
  const { domain, path } = parseReference(name);
  return `${domain}/${path}`;
}

/** name@digest means the name that it was pulled by, or else every name of that repository that stands for it. */
function namesMeant(state: IndexState, reference: string, found: string): readonly string[] {
  const { digest, domain, path } = parseReference(reference);
  if (digest === undefined || isDigestName(found)) return [found];
  return [...state.names]
    .filter(
      ([name, { target, manifest }]) =>
        name.startsWith(`${domain}/${path}:`) && (target === digest || manifest === digest),
    )
    .map(([name]) => name);
}

/** Topmost first. */
function ownLayers(state: IndexState, ids: ReadonlySet<Digest>): readonly Digest[] {
  const images = [...state.images.values()];
  const others = new Set(images.filter(({ id }) => !ids.has(id)).flatMap((image) => image.chainIds));
  const own = new Set(images.filter(({ id }) => ids.has(id)).flatMap((image) => image.chainIds));
  return [...own].filter((layer) => !others.has(layer)).reverse();
}
