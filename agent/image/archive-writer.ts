/** Image archives on their way out: a tar of documents and of blobs as they lie in the content store, chunk by chunk. */
import { GantryError } from '../../proto/errors.ts';
import type { ArchiveFile } from './archive-layout.ts';
import type { LeasedContent } from './leased-content.ts';
import { END_OF_ARCHIVE, encodeHeader, padding } from './tar/encoder.ts';
import type { TarEntryType } from './tar/header.ts';

const DIRECTORIES = ['blobs/', 'blobs/sha256/'];

/** The caller holds the garbage collector until it has been read to its end. Throws CORRUPT for a blob that has another size than before. */
export async function* writeArchive(
  files: readonly ArchiveFile[],
  content: LeasedContent,
): AsyncGenerator<Buffer, void, undefined> {
  yield Buffer.concat(DIRECTORIES.map((path) => header(path, 'directory', 0)));
  for (const file of files) {
    if (file.kind === 'document') {
      yield Buffer.concat([header(file.path, 'file', file.data.length), file.data, padding(file.data.length)]);
      continue;
    }
    const size = content.size(file.digest);
    yield header(file.path, 'file', size);
    yield* exactly(content.stream(file.digest), size, file.path);
    yield padding(size);
  }
  yield END_OF_ARCHIVE;
}

/** A tar whose entry has another length than its header says can't be read any further. */
async function* exactly(data: AsyncIterable<Buffer>, size: number, path: string): AsyncGenerator<Buffer> {
  let sent = 0;
  for await (const chunk of data) {
    sent += chunk.length;
    if (sent > size) break;
    yield chunk;
  }
  if (sent !== size) throw new GantryError('CORRUPT', `${path} of the content store has changed on disk`);
}

/** All times are 1970: the same images give the same archive. */
function header(name: string, type: TarEntryType, size: number): Buffer {
  return encodeHeader({
    ...{ name, type, size, linkName: '', mode: type === 'directory' ? 0o755 : 0o644 },
    ...{ uid: 0, gid: 0, mtime: 0, deviceMajor: 0, deviceMinor: 0, xattrs: new Map<string, Buffer>() },
  });
}
