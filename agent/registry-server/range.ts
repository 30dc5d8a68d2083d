/** The headers Range (RFC 9110, one range of bytes) and Content-Range as uploads have it. Pure. */
import { RegistryError } from './registry-error.ts';

/** Both ends are included. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** Undefined for all of it, also where several are asked for, as the RFC allows. Throws status 416 beyond the end. */
export function requestedRange(header: string | undefined, size: number): ByteRange | undefined {
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header ?? '');
  const [, first = '', last = ''] = match ?? [];
  if (match === null || (first === '' && last === '')) return undefined;
  const start = first === '' ? Math.max(0, size - Number(last)) : Number(first);
  const end = first === '' || last === '' ? size - 1 : Math.min(Number(last), size - 1);
  if (start < size && start <= end) return { start, end };
  throw new RegistryError('SIZE_INVALID', `there is no such range in ${size} bytes`, {
    status: 416,
    headers: { 'content-range': `bytes */${size}` },
  });
}

/** Of a chunk: "0-1023". Throws BLOB_UPLOAD_INVALID. */
export function chunkRange(header: string | undefined): ByteRange | undefined {
  if (header === undefined) return undefined;
  const [, start = '', end = ''] = /^(?:bytes )?(\d{1,15})-(\d{1,15})(?:\/.*)?$/.exec(header) ?? [];
  if (start !== '' && Number(start) <= Number(end)) return { start: Number(start), end: Number(end) };
  throw new RegistryError('BLOB_UPLOAD_INVALID', 'the header Content-Range is not START-END', { status: 416 });
}

/** Of what has come of an upload, as the specification has it: "0-0" also when that is nothing. */
export function receivedRange(size: number): string {
  return `0-${Math.max(0, size - 1)}`;
}
