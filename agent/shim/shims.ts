/** What the engine asks of shims: the small processes that are the containers' parents and outlive the agent. */

export interface ShimOptions {
  readonly containerId: string;
  /** Holds config.json. */
  readonly bundle: string;
  /** Whether the process has a terminal, as config.json says in process.terminal, too. */
  readonly terminal: boolean;
  /** The shim's own directory, on a tmpfs where the host has one: its socket, exit record and pid file. Made if missing. */
  readonly stateDir: string;
  /** CRI log format; its directory exists. */
  readonly logPath: string;
  /** The log is turned over when it reaches this size; at least one file. */
  readonly logMaxSizeBytes: number;
  /** 0: no log is kept. */
  readonly logMaxFiles: number;
  /** The container waits where its log is full until somebody removes the oldest file, `logPath`.(logMaxFiles - 1). */
  readonly logWaits?: boolean;
  /** Without it the process reads end-of-file at once. */
  readonly openStdin: boolean;
  /** An OCI runtime's program (ours, runc or crun) and its --root. */
  readonly runtime: string;
  readonly runtimeRoot: string;
}

export interface ExitRecord {
  /** 0..255; 128 + signal when killed by one. */
  readonly code: number;
  readonly oomKilled: boolean;
  readonly finishedAtMs: number;
}

/**
 * A sink that returns a promise asks for back-pressure: no more output is taken from the container until it
 * settles. What a sink may keep is the data itself: the buffer isn't used again.
 */
export interface OutputSink {
  stdout(data: Uint8Array): void | Promise<void>;
  stderr(data: Uint8Array): void | Promise<void>;
  /** The container has ended and the sink has had all of its output. A foreground `run` ends after this, not after `exited`, which doesn't wait for slow sinks for more than 2 s. */
  end?(): void;
}

export interface Shim {
  /** The container's init, as the host numbers it. */
  readonly pid: number;
  /** Runs the user's process in the container that `create` has made. May be called again. WRONG_STATE when it has ended. */
  start(): Promise<void>;
  /** Output from now on, also written to the log. Returns the unsubscribe function. */
  attach(sink: OutputSink): () => void;
  /** Resolves when what is written from then on comes to those that were attached before. Never rejects. */
  readonly attached: Promise<void>;
  /** Resolves when the process has taken the data (back-pressure), or has ended; data for an ended process is dropped. */
  writeStdin(data: Uint8Array): Promise<void>;
  closeStdin(): void;
  resize(rows: number, columns: number): void;
  /** Race-free: the shim is the parent and hasn't reaped the process. No effect after its end. */
  signal(signal: number): void;
  /**
   * After the runtime's delete: the container's cgroup and mounts are gone when this resolves, and its log is whole. Never
   * resolves after close(). 137 when the shim itself was killed.
   */
  readonly exited: Promise<ExitRecord>;
  /** Lets go of the shim; it and the container go on. */
  close(): void;
}

export type FoundShim =
  | { readonly kind: 'alive'; readonly shim: Shim }
  | { readonly kind: 'exited'; readonly record: ExitRecord }
  /** No shim and no record: the host was rebooted, or somebody killed the shim. What was left of the container has been deleted. */
  | { readonly kind: 'lost' };

export interface Shims {
  /** Runs the runtime's `create` under a new shim. COMMAND_NOT_FOUND, COMMAND_NOT_RUNNABLE, HOST. Leaves nothing on failure. */
  create(options: ShimOptions): Promise<Shim>;
  /** Finds the shim of a container again, after a restart of the agent. */
  find(options: ShimOptions): Promise<FoundShim>;
}
