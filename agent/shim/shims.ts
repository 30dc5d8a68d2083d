/** What the engine asks of shims: the small processes that are the containers' parents and outlive the agent. */

export interface ShimOptions {
  readonly containerId: string;
  /** Holds config.json; its process.terminal decides whether the shim makes a terminal. */
  readonly bundle: string;
  /** The shim's own directory, on a tmpfs where the host has one: its socket, exit record and pid file. Made if missing. */
  readonly stateDir: string;
  /** CRI log format; its directory exists. */
  readonly logPath: string;
  /** The log is turned over when it reaches this size; at least one file. */
  readonly logMaxSizeBytes: number;
  readonly logMaxFiles: number;
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

export interface OutputSink {
  stdout(data: Uint8Array): void;
  stderr(data: Uint8Array): void;
}

export interface Shim {
  /** The container's init, as the host numbers it. */
  readonly pid: number;
  /** Runs the user's process in the container that `create` has made. */
  start(): Promise<void>;
  /** Output from now on, also written to the log. Returns the unsubscribe function. */
  attach(sink: OutputSink): () => void;
  /** Resolves when the shim has taken the data: back-pressure. */
  writeStdin(data: Uint8Array): Promise<void>;
  closeStdin(): void;
  resize(rows: number, columns: number): void;
  /** Race-free: the shim is the parent and hasn't reaped the process. No effect after its end. */
  signal(signal: number): void;
  /** After the runtime's delete: the container's cgroup and mounts are gone when this resolves. */
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
