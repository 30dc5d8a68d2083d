/** Small answers, held in memory; what is larger than it may be is broken off. */
import { GantryError } from '../../proto/errors.ts';
import type { HttpResponse } from './http-transport.ts';

/** Throws INVALID_ARGUMENT, naming `what`, beyond `maxBytes`. */
export async function readBounded(response: HttpResponse, maxBytes: number, what: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = Number(response.headers['content-length'] ?? 0);
  if (size <= maxBytes) {
    size = 0;
    for await (const chunk of response.body) {
      size += chunk.length;
      if (size > maxBytes) break;
      chunks.push(chunk);
    }
  }
  if (size <= maxBytes) return Buffer.concat(chunks);
  response.discard();
  throw new GantryError('INVALID_ARGUMENT', `${what} is larger than the ${maxBytes >> 20} MiB allowed`);
}

/** The beginning of an answer that was no success; nothing where it can't be read. */
export async function readStart(response: HttpResponse, maxBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of response.body) {
      chunks.push(chunk.subarray(0, maxBytes - size));
      size += chunk.length;
      if (size >= maxBytes) break;
    }
  } catch {
    // The status is what counts.
  }
  return Buffer.concat(chunks).toString();
}
