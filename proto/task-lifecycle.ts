/**
 * The life of a task: which state may follow which, and who says so. It only goes forward, each state is reached once, and
 * ends are ends: a task is replaced, never revived. Reports may pass states by, as agents send only where a task is.
 */
import { TaskState } from './generated/gantry/v1/types.ts';

/** Managers make tasks and give them to nodes; what becomes of them there is the agent's to say. */
export type Speaker = 'manager' | 'agent';

export type KnownState = Exclude<TaskState, TaskState.UNRECOGNIZED>;

type Successors = Readonly<Record<Speaker, readonly KnownState[]>>;

const { NEW, PENDING, ASSIGNED, ACCEPTED, PREPARING, READY, STARTING, RUNNING } = TaskState;
const { COMPLETE, SHUTDOWN, FAILED, REJECTED, REMOVE, ORPHANED } = TaskState;

/** All, in their order. */
export const TASK_STATES: readonly KnownState[] = [
  ...[NEW, PENDING, ASSIGNED, ACCEPTED, PREPARING, READY, STARTING],
  ...[RUNNING, COMPLETE, SHUTDOWN, FAILED, REJECTED, REMOVE, ORPHANED],
];

const STARTED_ENDS = [COMPLETE, SHUTDOWN, FAILED];
/** The node can't even make its container. */
const ENDS = [...STARTED_ENDS, REJECTED];
const NOTHING: Successors = { manager: [], agent: [] };
/** Its node was removed from the cluster, and nobody will hear of it again. */
const LOST = [ORPHANED];

const SUCCESSORS: Readonly<Record<KnownState, Successors>> = {
  // SHUTDOWN: it isn't wanted any more before a node has got it.
  [NEW]: { manager: [PENDING, ASSIGNED, SHUTDOWN], agent: [] },
  [PENDING]: { manager: [ASSIGNED, SHUTDOWN], agent: [] },
  [ASSIGNED]: { manager: LOST, agent: [ACCEPTED, PREPARING, READY, STARTING, RUNNING, ...ENDS] },
  [ACCEPTED]: { manager: LOST, agent: [PREPARING, READY, STARTING, RUNNING, ...ENDS] },
  [PREPARING]: { manager: LOST, agent: [READY, STARTING, RUNNING, ...ENDS] },
  [READY]: { manager: LOST, agent: [STARTING, RUNNING, ...STARTED_ENDS] },
  [STARTING]: { manager: LOST, agent: [RUNNING, ...STARTED_ENDS] },
  [RUNNING]: { manager: LOST, agent: STARTED_ENDS },
  [COMPLETE]: NOTHING,
  [SHUTDOWN]: NOTHING,
  [FAILED]: NOTHING,
  [REJECTED]: NOTHING,
  // Only ever wanted: what is removed isn't there to be in a state.
  [REMOVE]: NOTHING,
  [ORPHANED]: NOTHING,
};

/** Why a task in one state can't be in the other next; undefined when it can, or is there already. Pure. */
export function transitionProblem(from: TaskState, to: TaskState, speaker: Speaker): string | undefined {
  if (from === to) return undefined;
  if (!isKnown(to)) return `state ${to} is not known here`;
  if (!isKnown(from)) return `it is in state ${from}, which is not known here`;
  if (SUCCESSORS[from][speaker].includes(to)) return undefined;
  const step = `${stateName(from)} → ${stateName(to)}`;
  if (from > RUNNING) return `${step}: a task that has ended stays so`;
  return to < from
    ? `${step}: a task never goes back`
    : `${step} is not for ${speaker === 'agent' ? 'an agent' : 'a manager'} to say`;
}

/** What is wanted of a task only goes forward, too: told to stop, it isn't to run again. */
export function furtherState(wanted: TaskState, next: TaskState): TaskState {
  return next > wanted ? next : wanted;
}

/** As users write it, in capitals. */
export function stateName(state: KnownState): string {
  return NAMES.get(state) ?? String(state);
}

const NAMES: ReadonlyMap<number, string> = new Map(Object.entries(TaskState).map(([name, state]) => [state, name]));

function isKnown(state: TaskState): state is KnownState {
  return state in SUCCESSORS && state !== TaskState.UNRECOGNIZED;
}
