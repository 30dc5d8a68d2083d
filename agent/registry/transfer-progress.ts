/** How far each layer of an image is on its way, as users are told. */
import type { TransferPhase, TransferProgress } from '../../proto/generated/gantry/v1/engine.ts';
import type { Digest } from '../../proto/ids.ts';

export type TransferListener = (progress: TransferProgress) => void;

/** A terminal shows no more than this. */
const MIN_INTERVAL_MS = 100;
const SHOWN_DIGITS = 12;

/** Tells of one layer; bytes no more often than can be seen. */
export class LayerProgress {
  readonly #layer: string;
  readonly #totalBytes: number;
  readonly #listener: TransferListener;
  readonly #now: () => number;
  #toldAtMs = Number.NEGATIVE_INFINITY;

  constructor(
    layer: { readonly digest: Digest; readonly size: number },
    listener: TransferListener,
    now: () => number,
  ) {
    this.#layer = shortDigest(layer.digest);
    this.#totalBytes = layer.size;
    this.#listener = listener;
    this.#now = now;
  }

  phase(phase: TransferPhase, detail = ''): void {
    this.#listener({ layer: this.#layer, phase, currentBytes: 0, totalBytes: this.#totalBytes, detail });
  }

  bytes(phase: TransferPhase, currentBytes: number): void {
    const nowMs = this.#now();
    if (nowMs - this.#toldAtMs < MIN_INTERVAL_MS) return;
    this.#toldAtMs = nowMs;
    this.#listener({ layer: this.#layer, phase, currentBytes, totalBytes: this.#totalBytes, detail: '' });
  }
}

export function shortDigest(digest: Digest): string {
  return digest.slice('sha256:'.length, 'sha256:'.length + SHOWN_DIGITS);
}
