/** What steps of tasks are done with. */
import type { Logger } from 'pino';
import type { Containers } from '../container/containers.ts';
import type { Images } from '../image/images.ts';
import type { TaskMaterial } from './task-container.ts';
import type { TaskHooks } from './task-hooks.ts';
import type { TaskPulls } from './task-pulls.ts';
import type { RecordChange, TaskRecord } from './task-record.ts';
import type { NodeFacts } from './task-templates.ts';

export interface ExecutorContext {
  readonly containers: Containers;
  readonly images: Pick<Images, 'resolve'>;
  readonly pulls: TaskPulls;
  readonly hooks: TaskHooks;
  readonly material: TaskMaterial;
  readonly node: NodeFacts;
  /** Since when this node has no manager; undefined while it has one. */
  readonly aloneSinceMs: () => number | undefined;
  readonly logger: Logger;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** How one kind of step is done. Can be repeated after a crash in its middle. */
export type Executor<S> = (step: S, record: TaskRecord, context: ExecutorContext) => Promise<RecordChange>;
