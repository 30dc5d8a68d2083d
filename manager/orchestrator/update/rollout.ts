/**
 * The next step of bringing a service's tasks to its present spec, and to nodes where they may be: a few slots at a time.
 * Pure.
 */
import { TaskState, type UpdateConfig } from '../../../proto/generated/gantry/v1/types.ts';
import { type PlacementRules, unmetDemand } from '../../placement/rules.ts';
import type { NodeObject } from '../../store/node.ts';
import { hasEnded, isWanted, runningSinceMs, type TaskObject } from '../../store/task.ts';
import type { Slot } from '../slots.ts';
import { hasStopped, isDoneWith } from '../tasks.ts';
import { isStartFirst } from './update-config.ts';

export interface RolloutPlan {
  readonly specVersion: number;
  readonly rules: PlacementRules;
  readonly config: UpdateConfig;
  /** Each slot keeps the spec that it has. */
  readonly paused: boolean;
  /** They failed with the present spec, which the update puts up with: others needn't wait for them. */
  readonly failed: ReadonlySet<Slot>;
}

export type RolloutStep =
  | { readonly step: 'stop'; readonly task: TaskObject }
  /** Makes a task for the slot from the present spec. */
  | { readonly step: 'start'; readonly slot: Slot }
  /** Makes one like it: it was stopped for an update that is paused. */
  | { readonly step: 'revive'; readonly task: TaskObject }
  /** Both at once: the new task goes to another node. */
  | { readonly step: 'move'; readonly slot: Slot; readonly task: TaskObject }
  /** Nothing before this time. */
  | { readonly step: 'wait'; readonly untilMs: number };

/** A slot, and the task of it that counts: the one with the present spec, or else its newest. */
export interface Place {
  readonly slot: Slot;
  readonly task: TaskObject;
}

type NodeOf = (task: TaskObject) => NodeObject | undefined;

/**
 * Undefined: done, or waiting for tasks. A slot takes its turn from when its old task is stopped, or its new one made,
 * until the new one has run for the delay; as many as the config says do so at the same time. So a spec that doesn't work
 * takes down that many slots and no more.
 */
export function nextStep(
  plan: RolloutPlan,
  slots: readonly Slot[],
  nodeOf: NodeOf,
  nowMs: number,
): RolloutStep | undefined {
  const surplus = surplusTask(plan, slots);
  if (surplus !== undefined) return { step: 'stop', task: surplus };
  const places = slots.map((slot) => placeOf(slot, plan.specVersion));
  const stopped = ({ task }: Place) => hasStopped(task, nodeOf(task));
  const stale = places.filter((place) => isStale(place, plan.specVersion));
  const fresh = places.filter((place) => !isStale(place, plan.specVersion));
  const idle = stale.find((place) => !isWanted(place.task) && stopped(place));
  if (plan.paused && idle !== undefined) return { step: 'revive', task: idle.task };
  // One that failed and isn't restarted isn't tried again either.
  const waiting = stale.filter((place) => (isWanted(place.task) && !plan.failed.has(place.slot)) || stopped(place));
  const [next] = plan.paused ? [] : waiting.toSorted((a, b) => rank(a, stopped(a)) - rank(b, stopped(b)));
  const misplaced = fresh.find(({ slot, task }) => isAlone(slot) && isMisplaced(task, plan.rules, nodeOf(task)));
  if (next === undefined && misplaced === undefined) return undefined;
  const { parallelism, delayMs } = plan.config;
  const most = parallelism || Number.POSITIVE_INFINITY;
  const unsettled = fresh.filter(({ slot, task }) => !isSettled(slot, task) && !plan.failed.has(slot));
  const changing = stale.filter((place) => !isWanted(place.task) && !stopped(place)).length + unsettled.length;
  if (changing >= most) return undefined;
  if (next !== undefined && !isWanted(next.task)) return { step: 'start', slot: next.slot };
  // From here on a task that runs would be stopped.
  const restingUntil = fresh.filter(runs).map(({ task }) => runningSinceMs(task) + delayMs);
  const resting = restingUntil.filter((timeMs) => timeMs > nowMs);
  if (changing + resting.length >= most) return { step: 'wait', untilMs: Math.min(...resting) };
  return next === undefined ? moved(misplaced, plan.config) : changed(next, plan.config);
}

/** Only a task that runs is worth keeping until the new one does. */
function changed(place: Place, config: UpdateConfig): RolloutStep {
  const { slot, task } = place;
  return isStartFirst(config) && runs(place) ? { step: 'start', slot } : { step: 'stop', task };
}

function moved(place: Place | undefined, config: UpdateConfig): RolloutStep | undefined {
  if (place === undefined) return undefined;
  const { slot, task } = place;
  return isStartFirst(config) && isRunning(task) ? { step: 'start', slot } : { step: 'move', slot, task };
}

/**
 * A slot may have more than one task while the new one starts: the others go once it runs, and those that don't run
 * themselves go anyway. While the update is paused, the old one stays for as long as the new one isn't to be trusted.
 */
function surplusTask({ specVersion, paused }: RolloutPlan, slots: readonly Slot[]): TaskObject | undefined {
  for (const slot of slots) {
    const wanted = wantedOf(slot);
    if (wanted.length < 2) continue;
    const kept = keptOf(wanted, specVersion);
    const surplus = wanted.find((task) => task !== kept && (isRunning(kept) || !isRunning(task)));
    if (surplus === undefined || (paused && surplus.specVersion !== specVersion)) continue;
    return surplus;
  }
  return undefined;
}

/** The one with the present spec; without one, the newest that runs. */
function keptOf(wanted: readonly TaskObject[], specVersion: number): TaskObject | undefined {
  return wanted.find((task) => task.specVersion === specVersion) ?? wanted.find(isRunning) ?? wanted[0];
}

function wantedOf({ current, history }: Slot): TaskObject[] {
  return [current, ...history].filter(isWanted);
}

/** It doesn't have the present spec; or it does, and was stopped to get another one, before there was a change of mind. */
function isStale({ task }: Place, specVersion: number): boolean {
  return task.specVersion !== specVersion || (!isWanted(task) && !isDoneWith(task));
}

/** The slot's task that counts. */
export function placeOf(slot: Slot, specVersion: number): Place {
  const wanted = wantedOf(slot);
  return { slot, task: keptOf(wanted, specVersion) ?? slot.current };
}

/** No other task is about to take the place of its own. */
function isAlone(slot: Slot): boolean {
  return wantedOf(slot).length === 1;
}

/** A task of a global service leaves its node as a whole; see planPlacement. */
function isMisplaced(task: TaskObject, rules: PlacementRules, node: NodeObject | undefined): boolean {
  if (node === undefined || task.slot === 0 || !isWanted(task) || hasEnded(task)) return false;
  return unmetDemand(rules, node) !== undefined;
}

/** Its turn is over: it has the one task that it should have, which runs or did what it was for. */
export function isSettled(slot: Slot, task: TaskObject): boolean {
  if (!isWanted(task)) return task.status.state === TaskState.COMPLETE;
  return isRunning(task) && isAlone(slot);
}

function runs({ task }: Place): boolean {
  return isWanted(task) && isRunning(task);
}

function isRunning(task: TaskObject | undefined): boolean {
  return task?.status.state === TaskState.RUNNING;
}

/** Slots that are stopped already first, then those that don't work, then the others by number. */
function rank({ task }: Place, stopped: boolean): number {
  if (!isWanted(task) && stopped) return 0;
  return hasEnded(task) || task.status.state < TaskState.RUNNING ? 1 : 2;
}
