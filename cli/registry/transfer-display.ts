/** Layers on their way, as Docker shows them: bars on a terminal, a line for each change elsewhere. */
import type { WriteStream } from 'node:tty';
import { TransferPhase, type TransferProgress } from '../../proto/generated/gantry/v1/engine.ts';
import { humanSize } from '../format/size.ts';
import { createProgress, type Progress } from '../terminal/progress.ts';

export type Direction = 'pull' | 'push';

const BAR_WIDTH = 50;
/** Layer, status and sizes leave so much less for a bar. */
const BESIDE_BAR = 50;

export class TransferDisplay {
  readonly #stream: WriteStream;
  readonly #direction: Direction;
  readonly #progress: Progress;
  readonly #lines = new Map<string, string>();

  constructor(stream: WriteStream, direction: Direction, isQuiet: boolean) {
    this.#stream = stream;
    this.#direction = direction;
    this.#progress = createProgress(stream, isQuiet);
  }

  show(progress: TransferProgress): void {
    const text = transferText(progress, this.#direction, this.#barWidth());
    if (text === undefined) return;
    this.#lines.set(progress.layer, text);
    const name = (layer: string) => (this.#stream.isTTY ? `${layer}:` : layer);
    this.#progress.show([...this.#lines].map(([layer, line]) => ({ name: name(layer), text: line })));
  }

  /** Leaves what is shown; what comes next is another image's. */
  end(): void {
    this.#progress.end();
    this.#lines.clear();
  }

  /** 0: no bars, as the lines aren't redrawn. */
  #barWidth(): number {
    if (!this.#stream.isTTY) return 0;
    return Math.max(1, Math.min(BAR_WIDTH, (this.#stream.columns || 80) - BESIDE_BAR));
  }
}

/** Undefined for what isn't shown without bars. Pure. */
export function transferText(progress: TransferProgress, direction: Direction, barWidth: number): string | undefined {
  switch (progress.phase) {
    case TransferPhase.WAITING:
      return direction === 'pull' ? 'Pulling fs layer' : 'Preparing';
    case TransferPhase.DOWNLOADING:
      return barWidth === 0 ? undefined : `Downloading  ${bar(progress, barWidth)}`;
    case TransferPhase.DOWNLOADED:
      return 'Download complete';
    case TransferPhase.UNPACKING:
      return 'Extracting';
    case TransferPhase.PULLED:
      return 'Pull complete';
    case TransferPhase.ALREADY_THERE:
      return direction === 'pull' ? 'Already exists' : 'Layer already exists';
    case TransferPhase.RETRYING:
      return `Retrying ${progress.detail}`;
    case TransferPhase.UPLOADING:
      return barWidth === 0 ? undefined : `Pushing  ${bar(progress, barWidth)}`;
    case TransferPhase.PUSHED:
      return 'Pushed';
    case TransferPhase.MOUNTED:
      return `Mounted ${progress.detail}`;
    default:
      return undefined;
  }
}

function bar({ currentBytes, totalBytes }: TransferProgress, width: number): string {
  const share = totalBytes === 0 ? 1 : Math.min(1, currentBytes / totalBytes);
  const filled = Math.round(share * width);
  const line = filled === 0 ? '' : `${'='.repeat(filled - 1)}>`;
  return `[${line.padEnd(width)}]  ${humanSize(currentBytes)}/${humanSize(totalBytes)}`;
}
