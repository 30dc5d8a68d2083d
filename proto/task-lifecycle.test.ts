import { describe, expect, it } from 'vitest';
import { TaskState } from './generated/gantry/v1/types.ts';
import { furtherState, stateName, TASK_STATES, transitionProblem } from './task-lifecycle.ts';

/** From the row's state to the column's: a: an agent may say so, m: a manager, ·: nobody, =: nothing changes. */
const MATRIX = `
           NEW PENDING ASSIGNED ACCEPTED PREPARING READY STARTING RUNNING COMPLETE SHUTDOWN FAILED REJECTED REMOVE ORPHANED
NEW        =   m       m        ·        ·         ·     ·        ·       ·        m        ·      ·        ·      ·
PENDING    ·   =       m        ·        ·         ·     ·        ·       ·        m        ·      ·        ·      ·
ASSIGNED   ·   ·       =        a        a         a     a        a       a        a        a      a        ·      m
ACCEPTED   ·   ·       ·        =        a         a     a        a       a        a        a      a        ·      m
PREPARING  ·   ·       ·        ·        =         a     a        a       a        a        a      a        ·      m
READY      ·   ·       ·        ·        ·         =     a        a       a        a        a      ·        ·      m
STARTING   ·   ·       ·        ·        ·         ·     =        a       a        a        a      ·        ·      m
RUNNING    ·   ·       ·        ·        ·         ·     ·        =       a        a        a      ·        ·      m
COMPLETE   ·   ·       ·        ·        ·         ·     ·        ·       =        ·        ·      ·        ·      ·
SHUTDOWN   ·   ·       ·        ·        ·         ·     ·        ·       ·        =        ·      ·        ·      ·
FAILED     ·   ·       ·        ·        ·         ·     ·        ·       ·        ·        =      ·        ·      ·
REJECTED   ·   ·       ·        ·        ·         ·     ·        ·       ·        ·        ·      =        ·      ·
REMOVE     ·   ·       ·        ·        ·         ·     ·        ·       ·        ·        ·      ·        =      ·
ORPHANED   ·   ·       ·        ·        ·         ·     ·        ·       ·        ·        ·      ·        ·      =
`;

function mark(from: TaskState, to: TaskState): string {
  if (from === to) return '=';
  const agent = transitionProblem(from, to, 'agent') === undefined;
  const manager = transitionProblem(from, to, 'manager') === undefined;
  if (agent) return manager ? 'am' : 'a';
  return manager ? 'm' : '·';
}

const words = (line: string) => line.trim().split(/\s+/);

describe('transitionProblem', () => {
  it('lets pass what the matrix says, and nothing else', () => {
    const [head = '', ...rows] = MATRIX.trim().split('\n');
    expect(words(head)).toEqual(TASK_STATES.map(stateName));
    expect(rows.map((row) => words(row))).toEqual(
      TASK_STATES.map((from) => [stateName(from), ...TASK_STATES.map((to) => mark(from, to))]),
    );
  });

  it('finds nothing wrong with staying', () => {
    for (const state of TASK_STATES) expect(transitionProblem(state, state, 'agent')).toBeUndefined();
  });

  it.each([
    [TaskState.RUNNING, TaskState.STARTING, 'RUNNING → STARTING: a task never goes back'],
    [TaskState.FAILED, TaskState.RUNNING, 'FAILED → RUNNING: a task that has ended stays so'],
    [TaskState.RUNNING, TaskState.ORPHANED, 'RUNNING → ORPHANED is not for an agent to say'],
    [TaskState.UNRECOGNIZED, TaskState.RUNNING, 'it is in state -1, which is not known here'],
    [TaskState.RUNNING, 999 as TaskState, 'state 999 is not known here'],
  ])('says why: %i → %i', (from, to, reason) => {
    expect(transitionProblem(from, to, 'agent')).toBe(reason);
  });
});

describe('furtherState', () => {
  it('never goes back, for any two states', () => {
    for (const wanted of TASK_STATES) {
      for (const next of TASK_STATES) expect(furtherState(wanted, next)).toBe(Math.max(wanted, next));
    }
  });
});
