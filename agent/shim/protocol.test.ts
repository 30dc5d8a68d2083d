import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ClientFrame, encodeFrame, encodeResize, MessageDecoder, type ShimMessage } from './protocol.ts';

/** Frames of shims look like those of clients. */
function frame(type: number, payload: Uint8Array = new Uint8Array(0)): Buffer {
  return encodeFrame(type as ClientFrame, payload);
}

describe('shim protocol', () => {
  it('encodes numbers as native/shim/protocol.h says', () => {
    expect(encodeResize(0x0102, 70_000)).toEqual(Buffer.of(4, 0, 0, 0, ClientFrame.RESIZE, 2, 1, 255, 255));
  });

  it('decodes messages however the stream is cut', () => {
    const messages: ShimMessage[] = [
      { kind: 'hello', version: 1, pid: 70_000 },
      { kind: 'attached' },
      { kind: 'stdout', data: Buffer.from('out') },
      { kind: 'stderr', data: Buffer.alloc(0) },
      { kind: 'exit', json: '{}' },
    ];
    const hello = Buffer.of(1, 0x70, 0x11, 1, 0);
    const stream = Buffer.concat([
      frame(16, hello),
      frame(23),
      frame(20, Buffer.from('out')),
      frame(21),
      frame(22, Buffer.from('{}')),
    ]);
    fc.assert(
      fc.property(fc.array(fc.nat(stream.length)), (cuts) => {
        const decoder = new MessageDecoder();
        const bounds = [0, ...cuts.sort((a, b) => a - b), stream.length];
        const decoded = bounds.flatMap((end, i) => [...decoder.push(stream.subarray(bounds[i - 1] ?? 0, end))]);
        expect(decoded).toEqual(messages);
      }),
      { seed: 1 },
    );
  });

  it('refuses what no shim sends', () => {
    expect(() => [...new MessageDecoder().push(frame(99))]).toThrow(/99/);
    expect(() => [...new MessageDecoder().push(Buffer.of(0, 0, 0, 1, 20))]).toThrow(/bytes/);
  });
});
