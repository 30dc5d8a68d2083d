import { describe, expect, it } from 'vitest';
import { ChangeKind, Consequence, ObjectKind, StackChange } from '../../../proto/generated/gantry/v1/control.ts';
import { UpdateOrder } from '../../../proto/generated/gantry/v1/types.ts';
import { consequenceText, fieldText, planJson, planText } from './plan-text.ts';

type Part = Parameters<typeof StackChange.fromPartial>[0];

const change = (part: Part) =>
  StackChange.fromPartial({ kind: ObjectKind.SERVICE, change: ChangeKind.UPDATE, name: 'shop_web', ...part } as Part);
const NOTHING_ELSE = { leftOverServices: [], builtServices: [] };

describe('the text of a plan', () => {
  it('has a line for each object that changes, one for each field, and a count', () => {
    const changes = [
      change({
        kind: ObjectKind.NETWORK,
        change: ChangeKind.CREATE,
        name: 'shop_default',
        consequence: Consequence.STARTS,
      }),
      change({
        consequence: Consequence.ROLLS,
        tasks: { present: 3, replaced: 3, started: 1, update: { parallelism: 1, order: UpdateOrder.START_FIRST } },
        fields: [
          { field: 'image', before: 'web:1', after: 'web:2' },
          { field: 'environment MODE', after: '' },
        ],
      }),
      change({ change: ChangeKind.REMOVE, name: 'shop_old', consequence: Consequence.STOPS, tasks: { stopped: 1 } }),
      change({ change: ChangeKind.UNCHANGED, name: 'shop_db' }),
    ];
    const notes = { leftOverServices: ['shop_cache'], builtServices: ['shop_web'] };
    expect(planText({ changes, ...notes }).split('\n')).toEqual([
      '+ network shop_default',
      '~ service shop_web: rolls 3 of 3 tasks, one at a time, start-first, starts 1 task',
      '    image: web:1 → web:2',
      '    environment MODE: + ""',
      '- service shop_old: stops 1 task',
      '1 to create, 1 to change, 1 to remove, 1 unchanged',
      '  service shop_web: its image would be built',
      '  service shop_cache is not in the file and stays; --prune removes it',
      '',
    ]);
  });

  it('says so when there is nothing to do', () => {
    const changes = [change({ change: ChangeKind.UNCHANGED })];
    expect(planText({ changes, ...NOTHING_ELSE })).toBe('No changes.\n');
  });

  it('says what comes of an image that would be built, where that is more than comes anyway', () => {
    const update = { parallelism: 1, order: UpdateOrder.STOP_FIRST };
    const rolls = { consequence: Consequence.ROLLS, tasks: { present: 2, replaced: 2, update } };
    const plan = (web: Part) => {
      const changes = [change({ ...web, name: 'shop_web' })];
      return planText({ changes, leftOverServices: [], builtServices: ['shop_web'] }).split('\n');
    };
    expect(plan({ change: ChangeKind.UNCHANGED, ifRebuilt: rolls })).toEqual([
      'No changes, unless a build brings one.',
      '  service shop_web: its image would be built; if that gives another one: rolls 2 of 2 tasks, one at a time, stop-first',
      '',
    ]);
    expect(plan({ ...rolls, ifRebuilt: rolls }).at(-2)).toBe('  service shop_web: its image would be built');
    expect(plan({ change: ChangeKind.CREATE }).at(-2)).toBe('  service shop_web: its image would be built');
  });

  it('shows digests where the names are the same, and only their beginning', () => {
    const image = (before: string, after: string) => fieldText({ field: 'image', before, after });
    const digest = (digit: string) => `sha256:${digit.repeat(64)}`;
    expect(image(`web:1@${digest('a')}`, `web:2@${digest('b')}`)).toBe('image: web:1 → web:2');
    expect(image(`web:1@${digest('a')}`, `web:1@${digest('b')}`)).toBe(
      'image: web:1@sha256:aaaaaaaaaaaa → web:1@sha256:bbbbbbbbbbbb',
    );
  });

  it('keeps values on one line', () => {
    expect(fieldText({ field: 'environment A', before: 'one\ntwo', after: 'x'.repeat(300) })).toBe(
      `environment A: "one\\ntwo" → ${'x'.repeat(200)}…`,
    );
  });

  it('has words for each consequence', () => {
    const text = (consequence: Consequence, tasks: Part['tasks'] = {}) =>
      consequenceText(change({ consequence, tasks } as Part));
    expect(text(Consequence.IN_PLACE)).toBe('in place');
    expect(text(Consequence.IN_PLACE, { replaced: 1, started: 2 })).toBe(
      'in place, moves 1 task in a wrong place, starts 2 tasks',
    );
    expect(
      text(Consequence.ROLLS, { present: 4, replaced: 2, stopped: 1, update: { parallelism: 0, delayMs: 5000 } }),
    ).toBe('rolls 2 of 3 tasks, all at once, 5s apart, stop-first, stops 1 task');
    expect(text(Consequence.RECREATES)).toBe('runs again');
    expect(consequenceText(change({ kind: ObjectKind.CONFIG, consequence: Consequence.RECREATES }))).toBe(
      'new version, and what uses it rolls',
    );
    expect(text(Consequence.RESUMES)).toBe('goes on with its update, which was paused');
  });

  it('is one JSON document for programs', () => {
    const changes = [
      change({
        id: 's1',
        consequence: Consequence.IN_PLACE,
        tasks: { present: 1, started: 1 },
        fields: [{ field: 'deploy.replicas', before: '1', after: '2' }],
      }),
    ];
    expect(JSON.parse(planJson({ changes, ...NOTHING_ELSE }))).toEqual({
      Changes: [
        {
          Kind: 'service',
          Name: 'shop_web',
          ID: 's1',
          Change: 'update',
          Consequence: 'in-place',
          Fields: [{ Field: 'deploy.replicas', Before: '1', After: '2' }],
          Tasks: { Present: 1, Replaced: 0, Started: 1, Stopped: 0, Update: null },
          IfRebuilt: null,
        },
      ],
      LeftOverServices: [],
      BuiltServices: [],
    });
  });
});
