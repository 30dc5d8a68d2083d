/** One container in memory: its record, what runs of it, and who waits for it. */
import { type Container, ContainerStatus } from '../../proto/generated/gantry/v1/engine.ts';
import type { ContainerId } from '../../proto/ids.ts';
import type { ExitRecord, Shim } from '../shim/shims.ts';
import type { HealthMonitor } from './health-monitor.ts';
import { type ContainerRecord, toContainer } from './record.ts';
import { SerialQueue } from './serial-queue.ts';

export interface ContainerNames {
  readonly own: string;
  /** Empty: none. */
  readonly shared: string;
}

/** One life of the container's process. */
export interface Run {
  readonly shim: Shim;
  /** Resolves after the exit has been dealt with: recorded, and everything released unless it starts again. */
  readonly ended: PromiseWithResolvers<ExitRecord>;
  /** Set once its pre_stop hooks have begun to run; they run once. */
  preStop?: Promise<void>;
}

export class ContainerEntry {
  record: ContainerRecord;
  readonly logPath: string;
  /** Every change of the container goes through here, one at a time. */
  readonly queue = new SerialQueue();
  /** What freezes it goes through here: the end of one mustn't thaw it for the next. */
  readonly freezing = new SerialQueue();
  run: Run | undefined;
  health: HealthMonitor | undefined;
  restartTimer: NodeJS.Timeout | undefined;
  /** Resolves when it is gone. */
  readonly removed = Promise.withResolvers<void>();
  /** Resolves with the exit code when it runs no more and won't start again by itself; new with each user's start. */
  rest = Promise.withResolvers<number>();

  constructor(record: ContainerRecord, logPath: string) {
    this.record = record;
    this.logPath = logPath;
  }

  get id(): ContainerId {
    return this.record.id;
  }

  get names(): ContainerNames {
    const { name, config } = this.record;
    return { own: name, shared: config.spec?.containerName ?? '' };
  }

  get status(): ContainerStatus {
    return this.record.state.status;
  }

  /** Which container a line of the log is about, and which task. */
  get logFields(): { readonly container: ContainerId; readonly taskId?: string } {
    const { id: container, taskId } = this.record;
    return taskId === '' ? { container } : { container, taskId };
  }

  /** Runs, or will by itself. */
  get isActive(): boolean {
    const { RUNNING, PAUSED, RESTARTING } = ContainerStatus;
    return this.status === RUNNING || this.status === PAUSED || this.status === RESTARTING;
  }

  toContainer(): Container {
    return toContainer(this.record, this.logPath);
  }
}
