import { describe, expect, it } from 'vitest';
import { ServiceLogLine } from '../../proto/generated/gantry/v1/control.ts';
import {
  DependencyCondition,
  RestartCondition,
  Service,
  Task,
  TaskState,
} from '../../proto/generated/gantry/v1/types.ts';
import { LogLines } from './log-lines.ts';
import { mergeByTime } from './merge-lines.ts';
import { currentTasks } from './project-state.ts';
import { type ProjectView, type StartGoal, startStand } from './start-stand.ts';

function service(name: string, condition: RestartCondition, more: Partial<Service> = {}): Service {
  return Service.fromPartial({
    id: name,
    specVersion: 1,
    dependenciesMet: true,
    notAwaited: [],
    spec: {
      annotations: { name },
      mode: { $case: 'replicated', value: { replicas: 1 } },
      task: { restart: { condition } },
    },
    ...more,
  });
}

function task(serviceId: string, state: TaskState, status: Partial<Task['status']> = {}, id = `${serviceId}-1`): Task {
  const ended = state > TaskState.RUNNING;
  return Task.fromPartial({
    id,
    serviceId,
    serviceName: serviceId,
    slot: 1,
    specVersion: 1,
    desiredState: ended ? TaskState.SHUTDOWN : TaskState.RUNNING,
    status: { state, ...status },
  });
}

function view(services: readonly Service[], tasks: readonly Task[], earlier: readonly string[] = []): ProjectView {
  return {
    services: new Map(services.map((one) => [one.id, one])),
    tasks: new Map(tasks.map((one) => [one.id, one])),
    earlierTasks: new Set(earlier),
    earlierUpdates: new Set(),
  };
}

const { ANY, NONE } = RestartCondition;

describe('whether a service has started', () => {
  it.each<[string, RestartCondition, Task[], StartGoal, string]>([
    ['nothing yet', ANY, [], 'started', 'waiting'],
    ['it runs', ANY, [task('web', TaskState.RUNNING)], 'started', 'started'],
    ['its process runs, not healthy yet', ANY, [task('web', TaskState.STARTING, { pid: 7 })], 'started', 'started'],
    ['the same, when that is waited for', ANY, [task('web', TaskState.STARTING, { pid: 7 })], 'healthy', 'waiting'],
    ['it has ended', NONE, [task('web', TaskState.FAILED, { exitCode: 3 })], 'started', 'started'],
    ['it has failed', NONE, [task('web', TaskState.FAILED, { exitCode: 3 })], 'healthy', 'failed'],
    ['it has done its work', NONE, [task('web', TaskState.COMPLETE)], 'completed', 'started'],
    ['it can not be started', NONE, [task('web', TaskState.REJECTED, { error: 'no image' })], 'started', 'failed'],
    ['it is tried again', ANY, [task('web', TaskState.REJECTED, { error: 'no image' })], 'started', 'waiting'],
  ])('%s', (_, condition, tasks, goal, kind) => {
    const web = service('web', condition);
    expect(startStand(web, view([web], tasks), goal).kind).toBe(kind);
  });

  it('has failed when what it depends on has', () => {
    const dependencies = [{ service: 'db', condition: DependencyCondition.COMPLETED, restart: false, optional: false }];
    const db = service('db', NONE);
    const web = service('web', ANY, { dependenciesMet: false });
    if (web.spec !== undefined) web.spec.dependencies = dependencies;
    const tasks = [task('db', TaskState.FAILED, { exitCode: 4 }), task('web', TaskState.PENDING)];
    expect(startStand(web, view([db, web], tasks), 'started')).toMatchObject({
      kind: 'failed',
      reason: `service "db" didn't complete successfully: exit 4`,
    });
  });

  it('takes no failure of before for one of now', () => {
    const web = service('web', NONE);
    const tasks = [task('web', TaskState.REJECTED)];
    expect(startStand(web, view([web], tasks, ['web-1']), 'started').kind).toBe('waiting');
  });
});

it('the task of a slot that counts is the one that is to run', () => {
  const old = Task.fromPartial({ ...task('web', TaskState.FAILED), meta: { createdVersion: 9 } });
  const present = Task.fromPartial({ ...task('web', TaskState.RUNNING, {}, 'web-2'), meta: { createdVersion: 3 } });
  expect(currentTasks([old, present]).map(({ id }) => id)).toEqual(['web-2']);
});

function line(serviceName: string, timestampNs: string, text: string): ServiceLogLine {
  return ServiceLogLine.fromPartial({ serviceName, slot: 1, timestampNs, data: Buffer.from(text) });
}

describe('lines of logs', () => {
  it('have a column and a colour for each service', () => {
    const lines = new LogLines({ project: 'shop', colours: true, prefixes: true, timestamps: false }, ['web.1']);
    expect(lines.text(line('shop_web', '1', 'a\n'))).toBe('\u001b[36mweb.1  | \u001b[0ma\n');
    expect(lines.text(line('shop_db', '2', 'b'))).toBe('\u001b[33mdb.1   | \u001b[0mb\n');
    expect(lines.text(line('shop_web', '3', 'c\n'))).toBe('\u001b[36mweb.1  | \u001b[0mc\n');
  });

  it('of several services come in the order of their times', async () => {
    const log = async function* (...written: string[]) {
      for (const time of written) yield line('web', time, time);
    };
    const times: string[] = [];
    for await (const { timestampNs } of mergeByTime([log('1', '5', '20'), log(), log('3', '10')]))
      times.push(timestampNs);
    expect(times).toEqual(['1', '3', '5', '10', '20']);
  });
});
