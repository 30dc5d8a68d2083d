/** A state machine that remembers every entry it was given, and checks that they come in order and once. */
import type { StateMachine } from './replicated-log.ts';

export class RecordingState implements StateMachine {
  readonly entries: { readonly index: number; readonly text: string }[] = [];
  restoredFrom: number | undefined;
  snapshotsTaken = 0;

  get texts(): string[] {
    return this.entries.map(({ text }) => text);
  }

  apply(index: number, data: Uint8Array): void {
    const last = this.entries.at(-1)?.index ?? 0;
    if (index <= last) throw new Error(`entry ${index} came after ${last}`);
    this.entries.push({ index, text: Buffer.from(data).toString() });
  }

  async snapshot(): Promise<Uint8Array> {
    this.snapshotsTaken += 1;
    return Buffer.from(JSON.stringify(this.entries));
  }

  async restore(index: number, data: Uint8Array): Promise<void> {
    this.restoredFrom = index;
    this.entries.splice(0, this.entries.length, ...JSON.parse(Buffer.from(data).toString()));
  }
}
