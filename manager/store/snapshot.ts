/**
 * The whole state as bytes, a StoreSnapshot, and back. Equal states give equal bytes. Made and read in slices, so that
 * neither holds up the rest of the manager.
 */
import { BinaryReader, BinaryWriter } from '@bufbuild/protobuf/wire';
import { GantryError } from '../../proto/errors.ts';
import { StoreObject } from '../../proto/generated/gantry/v1/store.ts';
import { Slices } from '../slices.ts';
import { type AnyObject, fromWire, type ObjectKind, toWire } from './objects.ts';
import type { SharedParts } from './shared-parts.ts';
import { checkStateFormat } from './state-format.ts';
import { type CutOfKind, Tables } from './tables.ts';

/** Of StoreSnapshot's fields: number and wire type, as protobuf writes them. */
const FORMAT_VERSION_TAG = 8;
const OBJECT_TAG = 18;

/** Objects that are encoded at once: few enough that it takes no time. Those with data of their own are large already. */
const OBJECTS_PER_PART = 32;
const LARGE_KINDS: ReadonlySet<ObjectKind> = new Set(['secret', 'config', 'stackVersion']);

/** Of the cut as it is at the moment of the call. `format`: see state-format.ts. */
export async function encodeSnapshot(format: number, cut: readonly CutOfKind[]): Promise<Uint8Array> {
  const writer = new BinaryWriter().uint32(FORMAT_VERSION_TAG).uint32(format);
  const parts: Uint8Array[] = [writer.finish()];
  const slices = new Slices();
  for (const { kind, objects } of cut) {
    const step = LARGE_KINDS.has(kind) ? 1 : OBJECTS_PER_PART;
    for (let begin = 0; begin < objects.length; begin += step) {
      const some = objects.slice(begin, begin + step);
      for (const object of some) encodeObject(writer, { kind, object } as AnyObject);
      const part = writer.finish();
      parts.push(part);
      if (slices.spend(part.byteLength, some.length)) await slices.pause();
    }
  }
  return await join(parts, slices);
}

function encodeObject(writer: BinaryWriter, target: AnyObject): void {
  StoreObject.encode(toWire(target), writer.uint32(OBJECT_TAG).fork()).join();
}

async function join(parts: readonly Uint8Array[], slices: Slices): Promise<Uint8Array> {
  const whole = Buffer.allocUnsafeSlow(parts.reduce((size, { byteLength }) => size + byteLength, 0));
  let end = 0;
  for (const part of parts) {
    whole.set(part, end);
    end += part.byteLength;
    if (slices.spend(part.byteLength, 0)) await slices.pause();
  }
  return whole;
}

/** `index`: of the last entry in it, for messages. CORRUPT, or UNSUPPORTED when another version wrote it. */
export async function decodeSnapshot(index: number, data: Uint8Array, shared: SharedParts): Promise<Tables> {
  const attempt = `restore the store at index ${index}`;
  try {
    return await decode(attempt, data, shared);
  } catch (error) {
    if (error instanceof GantryError) throw error;
    throw new GantryError('CORRUPT', `${attempt}: the snapshot is damaged`, { cause: error });
  }
}

async function decode(attempt: string, data: Uint8Array, shared: SharedParts): Promise<Tables> {
  const reader = new BinaryReader(data);
  const tables = new Tables();
  const slices = new Slices();
  checkFormat(attempt, reader);
  while (reader.pos < reader.len) {
    const begin = reader.pos;
    const tag = reader.uint32();
    const target = tag === OBJECT_TAG ? fromWire(StoreObject.decode(reader, reader.uint32()), shared) : undefined;
    // Left out, it would be missing from the next snapshot, which managers compare.
    if (target === undefined) throw unsupported(attempt, 'the snapshot has something that this version does not know');
    tables.load(target.kind, Object.freeze(target.object));
    if (slices.spend(reader.pos - begin, 1)) await slices.pause();
  }
  return tables;
}

/** The version comes first. */
function checkFormat(attempt: string, reader: BinaryReader): void {
  const version = reader.pos < reader.len && reader.uint32() === FORMAT_VERSION_TAG ? reader.uint32() : 0;
  checkStateFormat(`${attempt}: snapshot`, version);
}

function unsupported(attempt: string, why: string): GantryError {
  return new GantryError('UNSUPPORTED', `${attempt}: ${why}`, { hint: 'run the version of gantry that wrote it' });
}
