/** Files as images have them, the same in every run: sizes from a long-tailed distribution, text, programs and packed data. */
import { createCipheriv } from 'node:crypto';

export interface ContentFile {
  /** Relative, with the directories that hold it. */
  readonly path: string;
  readonly mode: number;
  /** All of its data. */
  readonly data: () => Iterable<Buffer>;
}

/** From 0 to 1, without 1. */
export type Random = () => number;

type Kind = 'text' | 'program' | 'packed';

const POOL_BYTES = 8 << 20;
const FILES_PER_DIRECTORY = 12;
/** Of a log-normal distribution: half of all files are smaller than a seventh of the mean. */
const SIGMA = 2;
const EXTENSIONS: Readonly<Record<Kind, string>> = { text: 'py', program: 'so', packed: 'gz' };

/** Numbers that follow from the seed: xorshift (Marsaglia 2003). */
export function randomFrom(seed: number): Random {
  let state = (seed * 2654435761 + 1) >>> 0;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state / 2 ** 32;
  };
}

export class ContentSource {
  readonly #pools: Readonly<Record<Kind, Buffer>>;

  constructor() {
    const packed = packedPool();
    this.#pools = { text: textPool(), program: programPool(packed), packed };
  }

  /** So many files with so many bytes altogether. */
  *files(below: string, count: number, bytes: number, seed: number): Generator<ContentFile> {
    const random = randomFrom(seed);
    const weights = Array.from({ length: count }, () => Math.exp(SIGMA * normal(random)));
    const all = weights.reduce((sum, weight) => sum + weight, 0);
    for (const [index, weight] of weights.entries()) {
      const kind = kindOf(random());
      const directory = Math.floor(index / FILES_PER_DIRECTORY);
      yield {
        path: `${below}/part${directory % 40}/module${directory}/file${index}.${EXTENSIONS[kind]}`,
        mode: kind === 'program' ? 0o755 : 0o644,
        data: this.#slices(kind, Math.floor((bytes * weight) / all), Math.floor(random() * POOL_BYTES)),
      };
    }
  }

  #slices(kind: Kind, bytes: number, offset: number): () => Iterable<Buffer> {
    const pool = this.#pools[kind];
    return function* () {
      for (let start = offset, left = bytes; left > 0; start = 0) {
        const slice = pool.subarray(start, start + left);
        left -= slice.length;
        yield slice;
      }
    };
  }
}

function kindOf(chance: number): Kind {
  if (chance < 0.55) return 'text';
  return chance < 0.88 ? 'program' : 'packed';
}

/** By Box and Muller. */
function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

/** What no compression makes smaller. */
function packedPool(): Buffer {
  const cipher = createCipheriv('aes-128-ctr', Buffer.alloc(16, 7), Buffer.alloc(16));
  return cipher.update(Buffer.alloc(POOL_BYTES));
}

/** Made-up words, the common ones often: gzip makes a third of it. */
function textPool(): Buffer {
  const random = randomFrom(1);
  const letter = () => String.fromCharCode(97 + Math.floor(random() * 26));
  const words = Array.from({ length: 4000 }, () =>
    Array.from({ length: 2 + Math.floor(random() * 9) }, letter).join(''),
  );
  const lines: string[] = [];
  for (let size = 0; size < POOL_BYTES; size += lines.at(-1)?.length ?? 0) {
    const line = Array.from({ length: 9 }, () => words[Math.floor(words.length * random() ** 6)]);
    lines.push(`${' '.repeat(4 * Math.floor(random() * 4))}${line.join(' ')}\n`);
  }
  return Buffer.from(lines.join('')).subarray(0, POOL_BYTES);
}

/** Machine code: some bytes are nearly always the same, others could be anything. gzip makes half of it. */
function programPool(packed: Buffer): Buffer {
  const pool = Buffer.alloc(POOL_BYTES);
  const common = [0x48, 0x8b, 0x89, 0x00, 0x0f, 0xe8, 0xff, 0x24];
  for (let index = 0; index < POOL_BYTES; index += 1) {
    const byte = packed[index] ?? 0;
    const isCommon = index % 8 < 6;
    pool[index] = isCommon ? (common[byte & 7] ?? 0) : byte;
  }
  return pool;
}
