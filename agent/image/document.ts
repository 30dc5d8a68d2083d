/** Manifests, indexes and configs on their way out of the content store. */
import { GantryError } from '../../proto/errors.ts';
import type { Blob } from './content-store.ts';
import { parseJson } from './json-fields.ts';
import type { LeasedContent } from './leased-content.ts';
import { MAX_DOCUMENT_BYTES } from './manifest.ts';

/** A small JSON document of an archive, by its path there. Throws INVALID_ARGUMENT for one that is none, or too large. */
export async function readDocument(content: LeasedContent, { digest, size }: Blob, where: string): Promise<unknown> {
  return parseJson(await readDocumentBytes(content, { digest, size }, where), where);
}

/** Bounded, so that what somebody calls a manifest can't fill the memory. */
export async function readDocumentBytes(
  content: LeasedContent,
  { digest, size }: Blob,
  where: string,
): Promise<Buffer> {
  if (size <= MAX_DOCUMENT_BYTES) return await content.read(digest, MAX_DOCUMENT_BYTES);
  throw new GantryError('INVALID_ARGUMENT', `${where} has ${size} bytes, more than the ${MAX_DOCUMENT_BYTES} allowed`);
}
