/**
 * The repositories of this host's registry. A tag that is pushed also makes the image one of this host, under the name that
 * it was pushed by; what a manifest names stays until it is deleted here, whatever becomes of the host's image.
 */
import { toGantryError } from '../../proto/errors.ts';
import type { Digest } from '../../proto/ids.ts';
import { digestOf } from '../image/content-store.ts';
import type { ImageStore } from '../image/image-store.ts';
import type { Lease } from '../image/lease.ts';
import { chooseManifest, MAX_DOCUMENT_BYTES, parseManifest } from '../image/manifest.ts';
import { NOTHING_ARRIVES } from '../image/registration.ts';
import { Leases } from './leases.ts';
import { type PushedManifest, parsePushedManifest, type SizedDigest } from './pushed-manifest.ts';
import { RegistryError, toRegistryError } from './registry-error.ts';
import type { ManifestRecord, RepositoryRecord, RepositoryRecords } from './repository-records.ts';
import type { ManifestReference } from './route.ts';
import type { Upload } from './upload.ts';

export interface FoundManifest {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly bytes: Buffer;
}

export interface ManifestPush {
  /** HOST:PORT by which the client calls this registry. */
  readonly host: string;
  readonly repository: string;
  readonly reference: ManifestReference;
  readonly bytes: Buffer;
  readonly contentType: string;
}

export interface Referrer {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
  readonly artifactType?: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

export class HostedRepositories {
  readonly #images: ImageStore;
  readonly #records: RepositoryRecords;
  readonly #leases: Leases;

  constructor(images: ImageStore, records: RepositoryRecords, now: () => number) {
    this.#images = images;
    this.#records = records;
    this.#leases = new Leases(now);
    images.garbage.addSource(() => ({ blobs: [...records.blobs(), ...this.#leases.blobs()], layers: [] }));
  }

  names(): Iterable<string> {
    return this.#records.names();
  }

  /** Throws NAME_UNKNOWN. */
  tags(repository: string): Iterable<string> {
    return this.#record(repository).tags.keys();
  }

  /** Throws NAME_UNKNOWN, MANIFEST_UNKNOWN. */
  async manifest(repository: string, reference: ManifestReference): Promise<FoundManifest> {
    const record = this.#record(repository);
    const digest = reference.kind === 'digest' ? reference.digest : record.tags.get(reference.tag);
    const manifest = digest === undefined ? undefined : record.manifests.get(digest);
    if (digest === undefined || manifest === undefined) throw unknownManifest(repository, reference);
    const bytes = await this.#images.content.read(digest, MAX_DOCUMENT_BYTES);
    return { digest, mediaType: manifest.mediaType, bytes };
  }

  /** Whether this repository has it: what others have is nobody's business here. Of an upload it stays for longer. */
  hasBlob(repository: string, digest: Digest): boolean {
    if (!this.#images.content.has(digest)) return false;
    if (this.#leases.has(repository, digest)) {
      this.#leases.take(repository, digest);
      return true;
    }
    const { manifests } = this.#records.find(repository) ?? NOTHING;
    return [...manifests.values()].some(({ needs }) => needs.includes(digest));
  }

  /** For whoever is about to push: it stays until its manifest comes, whatever is deleted meanwhile. */
  keepBlob(repository: string, digest: Digest): boolean {
    const has = this.hasBlob(repository, digest);
    if (has) this.#leases.take(repository, digest);
    return has;
  }

  /** False when `from` doesn't have it. */
  mountBlob(repository: string, digest: Digest, from: string): boolean {
    const has = this.hasBlob(from, digest);
    if (has) this.#leases.take(repository, digest);
    return has;
  }

  /** Throws DIGEST_INVALID when it is another blob. */
  async takeUpload(upload: Upload, digest: Digest): Promise<void> {
    try {
      await upload.commit(digest);
      // Before the upload, which has kept it so far, ends.
      this.#leases.take(upload.repository, digest);
    } catch (error) {
      throw toRegistryError(error, 'DIGEST_INVALID');
    }
  }

  /** Throws BLOB_UNKNOWN; UNSUPPORTED for one that a manifest needs. */
  deleteBlob(repository: string, digest: Digest): void {
    if (!this.hasBlob(repository, digest)) throw unknownBlob(repository, digest);
    const { manifests } = this.#records.find(repository) ?? NOTHING;
    const isNeeded = [...manifests.values()].some(({ needs }) => needs.includes(digest));
    if (isNeeded) throw new RegistryError('UNSUPPORTED', 'a manifest needs this blob: delete that instead');
    this.#leases.drop(repository, [digest]);
    this.#images.garbage.schedule();
  }

  /**
   * Throws MANIFEST_INVALID, MANIFEST_BLOB_UNKNOWN, DIGEST_INVALID. Killed at any instant, the image is there or isn't, and so
   * is the tag; what is without either is garbage.
   */
  async putManifest(push: ManifestPush): Promise<{ readonly digest: Digest; readonly subject: Digest | undefined }> {
    const { repository, reference, bytes } = push;
    const digest = digestOf(bytes);
    if (reference.kind === 'digest' && reference.digest !== digest) {
      throw new RegistryError('DIGEST_INVALID', `the manifest has the digest ${digest}, not ${reference.digest}`);
    }
    const manifest = readManifest(bytes, push.contentType);
    const needs = needsOf(manifest);
    using lease = this.#images.garbage.lease();
    lease.keep({ blobs: needs.map((need) => need.digest), layers: [] });
    this.#checkNeeds(repository, manifest);
    await lease.content.put(bytes);
    if (reference.kind === 'tag') await this.#makeRunnable(push, reference.tag, digest, manifest, lease);
    await this.#records.update(repository, ({ tags, manifests }) => ({
      manifests: new Map(manifests).set(digest, recordOf(manifest, bytes.length)),
      tags: reference.kind === 'tag' ? new Map(tags).set(reference.tag, digest) : tags,
    }));
    this.#leases.drop(
      repository,
      needs.map((need) => need.digest),
    );
    return { digest, subject: manifest.subject };
  }

  /** A tag alone, or a manifest with all its tags. The host's image stays. Throws MANIFEST_UNKNOWN. */
  async deleteManifest(repository: string, reference: ManifestReference): Promise<void> {
    this.#record(repository);
    await this.#records.update(repository, ({ tags, manifests }) => {
      if (reference.kind === 'tag') {
        if (!tags.has(reference.tag)) throw unknownManifest(repository, reference);
        return { manifests, tags: new Map([...tags].filter(([tag]) => tag !== reference.tag)) };
      }
      if (!manifests.has(reference.digest)) throw unknownManifest(repository, reference);
      return {
        manifests: new Map([...manifests].filter(([digest]) => digest !== reference.digest)),
        tags: new Map([...tags].filter(([, digest]) => digest !== reference.digest)),
      };
    });
    this.#images.garbage.schedule();
  }

  /** What is about a manifest, which itself needn't be here. */
  referrers(repository: string, subject: Digest, artifactType: string | null): readonly Referrer[] {
    const { manifests } = this.#records.find(repository) ?? NOTHING;
    return [...manifests]
      .filter(([, record]) => record.subject === subject)
      .filter(([, record]) => artifactType === null || record.artifactType === artifactType)
      .map(([digest, { mediaType, size, artifactType: type, annotations }]) => ({
        ...{ mediaType, digest, size },
        ...(type === '' ? {} : { artifactType: type }),
        ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
      }));
  }

  /** Lets go of what was pushed and never named. */
  expire(): void {
    if (this.#leases.expire()) this.#images.garbage.schedule();
  }

  #record(repository: string): RepositoryRecord {
    const record = this.#records.find(repository);
    if (record !== undefined) return record;
    throw new RegistryError('NAME_UNKNOWN', `there is no repository ${repository}`);
  }

  #checkNeeds(repository: string, manifest: PushedManifest): void {
    for (const { digest, size } of needsOf(manifest)) {
      const isHere =
        manifest.kind === 'index'
          ? this.#records.find(repository)?.manifests.has(digest) === true
          : this.hasBlob(repository, digest);
      if (!isHere || !this.#images.content.has(digest)) {
        throw new RegistryError('MANIFEST_BLOB_UNKNOWN', `${digest} has not been pushed to ${repository}`);
      }
      if (this.#images.content.size(digest) !== size) {
        throw new RegistryError(
          'MANIFEST_INVALID',
          `${digest} has ${this.#images.content.size(digest)} bytes, not ${size}`,
        );
      }
    }
  }

  /** Of an index the manifest for this host, if it has one. */
  async #makeRunnable(
    { host, repository, bytes }: ManifestPush,
    tag: string,
    target: Digest,
    { kind }: PushedManifest,
    lease: Lease,
  ): Promise<void> {
    const manifest = kind === 'index' ? await this.#manifestForHost(bytes) : kind === 'image' ? target : undefined;
    if (manifest === undefined) return;
    const image = `${host}/${repository}:${tag}`;
    const names = [image, `${host}/${repository}@${target}`];
    try {
      await this.#images.registrar.register({ manifest, target, names, image, layers: NOTHING_ARRIVES, lease });
    } catch (error) {
      throw toRegistryError(error, 'MANIFEST_INVALID');
    }
  }

  async #manifestForHost(bytes: Buffer): Promise<Digest | undefined> {
    const index = parseManifest(bytes, 'index');
    const chosen = index.kind === 'index' ? chooseManifest(index, this.#images.platform) : undefined;
    if (chosen === undefined) return undefined;
    const child = await this.#images.content.read(chosen.digest, MAX_DOCUMENT_BYTES);
    return parsePushedManifest(child, '').kind === 'image' ? chosen.digest : undefined;
  }
}

const NOTHING: Pick<RepositoryRecord, 'manifests'> = { manifests: new Map() };

function readManifest(bytes: Buffer, contentType: string): PushedManifest {
  try {
    return parsePushedManifest(bytes, contentType);
  } catch (error) {
    throw error instanceof RegistryError ? error : toRegistryError(toGantryError(error), 'MANIFEST_INVALID');
  }
}

function needsOf(manifest: PushedManifest): readonly SizedDigest[] {
  return manifest.kind === 'index' ? manifest.manifests : manifest.blobs;
}

function recordOf(manifest: PushedManifest, size: number): ManifestRecord {
  const { mediaType, subject, artifactType, annotations } = manifest;
  return { mediaType, size, needs: needsOf(manifest).map(({ digest }) => digest), subject, artifactType, annotations };
}

export function unknownBlob(repository: string, digest: Digest): RegistryError {
  return new RegistryError('BLOB_UNKNOWN', `there is no blob ${digest} in ${repository}`);
}

export function unknownManifest(repository: string, reference: ManifestReference): RegistryError {
  const what = reference.kind === 'tag' ? `:${reference.tag}` : `@${reference.digest}`;
  return new RegistryError('MANIFEST_UNKNOWN', `there is no manifest ${repository}${what}`);
}
