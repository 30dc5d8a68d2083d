/**
 * What agents and shims say to each other on STATE_DIR/shim.sock. native/shim/protocol.h is the other end and
 * explains each frame; both change together.
 *
 * A frame is: length of the payload (u32), type (u8), payload. Numbers are little-endian.
 */

export const PROTOCOL_VERSION = 1;
export const MAX_PAYLOAD = 32 * 1024;
const HEADER = 5;

export const ClientFrame = { START: 1, ATTACH: 2, STDIN: 3, CLOSE_STDIN: 4, RESIZE: 5, SIGNAL: 6 } as const;
export type ClientFrame = (typeof ClientFrame)[keyof typeof ClientFrame];

export const AttachMode = {
  /** The shim disconnects a client that falls behind. */
  LOSSY: 0,
  /** The container's output waits for the client. */
  LOSSLESS: 1,
} as const;
export type AttachMode = (typeof AttachMode)[keyof typeof AttachMode];

const ShimFrame = {
  HELLO: 16,
  STARTED: 17,
  START_FAILED: 18,
  STDIN_TAKEN: 19,
  STDOUT: 20,
  STDERR: 21,
  EXIT: 22,
  ATTACHED: 23,
} as const;

/** What a shim says. */
export type ShimMessage =
  | { readonly kind: 'hello'; readonly version: number; readonly pid: number }
  | { readonly kind: 'started' }
  | { readonly kind: 'startFailed'; readonly json: string }
  | { readonly kind: 'stdinTaken' }
  | { readonly kind: 'stdout'; readonly data: Buffer }
  | { readonly kind: 'stderr'; readonly data: Buffer }
  | { readonly kind: 'exit'; readonly json: string }
  | { readonly kind: 'attached' };

const EMPTY = new Uint8Array(0);

export function encodeFrame(type: ClientFrame, payload: Uint8Array = EMPTY): Buffer {
  const frame = Buffer.allocUnsafe(HEADER + payload.length);
  frame.writeUInt32LE(payload.length, 0);
  frame.writeUInt8(type, 4);
  frame.set(payload, HEADER);
  return frame;
}

export function encodeAttach(mode: AttachMode): Buffer {
  return encodeFrame(ClientFrame.ATTACH, Uint8Array.of(mode));
}

/** Both within 0..65535; more is cut to that. */
export function encodeResize(rows: number, columns: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt16LE(Math.min(rows, 0xffff), 0);
  payload.writeUInt16LE(Math.min(columns, 0xffff), 2);
  return encodeFrame(ClientFrame.RESIZE, payload);
}

export function encodeSignal(signal: number): Buffer {
  return encodeFrame(ClientFrame.SIGNAL, Uint8Array.of(signal));
}

/** Throws for a frame of no known type: its sender speaks another version. */
function decodeMessage(type: number, payload: Buffer): ShimMessage {
  switch (type) {
    case ShimFrame.HELLO:
      return { kind: 'hello', version: payload.readUInt8(0), pid: payload.readUInt32LE(1) };
    case ShimFrame.STARTED:
      return { kind: 'started' };
    case ShimFrame.START_FAILED:
      return { kind: 'startFailed', json: payload.toString() };
    case ShimFrame.STDIN_TAKEN:
      return { kind: 'stdinTaken' };
    case ShimFrame.STDOUT:
      return { kind: 'stdout', data: payload };
    case ShimFrame.STDERR:
      return { kind: 'stderr', data: payload };
    case ShimFrame.EXIT:
      return { kind: 'exit', json: payload.toString() };
    case ShimFrame.ATTACHED:
      return { kind: 'attached' };
    default:
      throw new Error(`frame of unknown type ${type}`);
  }
}

/** Cuts a byte stream into messages. */
export class MessageDecoder {
  #rest: Buffer = Buffer.alloc(0);

  /** The messages that `chunk` completes. Throws for what no shim sends. */
  *push(chunk: Buffer): Generator<ShimMessage> {
    let buffer = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    while (buffer.length >= HEADER) {
      const length = buffer.readUInt32LE(0);
      if (length > MAX_PAYLOAD) throw new Error(`frame of ${length} bytes`);
      if (buffer.length < HEADER + length) break;
      const type = buffer.readUInt8(4);
      const payload = buffer.subarray(HEADER, HEADER + length);
      buffer = buffer.subarray(HEADER + length);
      this.#rest = buffer;
      yield decodeMessage(type, payload);
    }
    this.#rest = buffer;
  }
}
