/** How many bytes of a stream have been taken, for whoever tells of it. */
export interface CountedStream<Chunk extends Uint8Array> extends AsyncIterable<Chunk> {
  readonly bytes: number;
}

export function counted<Chunk extends Uint8Array>(source: AsyncIterable<Chunk>): CountedStream<Chunk> {
  let bytes = 0;
  return {
    get bytes() {
      return bytes;
    },
    async *[Symbol.asyncIterator]() {
      for await (const chunk of source) {
        bytes += chunk.length;
        yield chunk;
      }
    },
  };
}
