/** One build: what it has in common with others, what it was called with, and what comes of it. */
import type { Logger } from 'pino';
import type { BuildKnownRequest, BuildKnownResponse } from '../../proto/generated/gantry/v1/dispatcher.ts';
import type { ImageBuildOptions, ImageBuildResponse } from '../../proto/generated/gantry/v1/engine.ts';
import type { ImageRecord } from '../image/image-index.ts';
import type { ImageStore } from '../image/image-store.ts';
import type { Lease } from '../image/lease.ts';
import type { Platform } from '../platform/platform.ts';
import type { ImageSource, ImageTarget } from '../registry/image-source.ts';
import type { EventQueue } from '../stream/event-queue.ts';
import type { BuildCache } from './build-cache.ts';
import type { BuildContexts } from './build-context.ts';
import type { BuildMessage } from './build-input.ts';
import type { CacheMounts } from './cache-mounts.ts';
import type { Downloads } from './downloads.ts';
import type { KnownBuilds } from './known-builds.ts';
import type { LayerSteps } from './layer-steps.ts';
import type { StageState } from './stage-state.ts';
import type { StepRunner } from './step-runner.ts';

/** What other hosts of the cluster have built. */
export interface ClusterBuilds {
  /** UNAVAILABLE while no manager can be asked. */
  knownBuilds(build: BuildKnownRequest): Promise<readonly BuildKnownResponse[]>;
}

/** What builds share. */
export interface BuildRunParts {
  readonly images: ImageStore;
  readonly runner: StepRunner;
  readonly bases: ImageSource;
  /** Where caches go. */
  readonly cacheTarget: ImageTarget;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  readonly cache: BuildCache;
  readonly contexts: BuildContexts;
  readonly caches: CacheMounts;
  readonly downloads: Downloads;
  readonly steps: LayerSteps;
  readonly known: KnownBuilds;
  readonly cluster: () => ClusterBuilds | undefined;
  readonly logger: Logger;
  /** Waits for its turn among all builds' steps. */
  readonly inTurn: <T>(work: () => Promise<T>, signal: AbortSignal) => Promise<T>;
}

export interface BuildCall {
  readonly options: ImageBuildOptions;
  /** What the client sends after them. */
  readonly messages: AsyncIterable<BuildMessage>;
  readonly signal: AbortSignal;
  /** For the user. */
  readonly events: EventQueue<ImageBuildResponse>;
  /** Keeps what the build is made from, and what it gives. */
  readonly lease: Lease;
}

/** Of a build; the call's lease keeps what it is made of. */
export interface BuildOutcome {
  /** For each platform. */
  readonly targets: readonly BuiltTarget[];
  /** Undefined: it wasn't asked for. */
  readonly cacheImage: ImageRecord | undefined;
}

export interface BuiltTarget {
  readonly platform: Platform;
  readonly state: StageState;
}
