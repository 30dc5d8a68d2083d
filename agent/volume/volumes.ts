/** What the rest of the engine asks of named volumes, and what the cluster is told of them. */
import type { Volume } from '../../proto/generated/gantry/v1/engine.ts';
import type { VolumeSpec } from '../../proto/generated/gantry/v1/types.ts';

/** Names of all volumes but anonymous ones, in no particular order. */
export interface VolumeReport {
  /** With data of their own, also those whose record can't be read. */
  readonly names: readonly string[];
  /** Mounted from elsewhere by their options. */
  readonly mounted: readonly string[];
}

/** What managers are told of them. */
export interface ReportedVolumes {
  report(): Promise<VolumeReport>;
  /** `listener` is called when there are others; until the returned function is. */
  onChange(listener: () => void): () => void;
}

export interface Volumes {
  /** Makes the volume if it isn't there; an empty name makes an anonymous one. */
  ensure(name: string, spec: VolumeSpec | undefined): Promise<Volume>;
  /**
   * Marks the volume as used by `user` (a container id) until it is released; makes its data available at its mountpoint,
   * so it comes before populate(). Users aren't kept over a restart of the agent: recovered containers acquire again.
   */
  acquire(name: string, user: string): Promise<Volume>;
  release(name: string, user: string): Promise<void>;
  /** Fills the volume with the directory's content if the volume has never been filled and is empty. No effect when there is no such directory. */
  populate(name: string, from: string): Promise<void>;
  list(filters: readonly string[]): Promise<Volume[]>;
  /** IN_USE while acquired, NOT_FOUND when there is none. */
  remove(name: string): Promise<void>;
}
