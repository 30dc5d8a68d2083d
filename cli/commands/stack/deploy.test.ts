/** `stack diff`, `stack deploy --dry-run` and `--rollback`: what a user sees, and the exit code that a CI job goes by. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { UntypedServiceImplementation } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { GantryError } from '../../../proto/errors.ts';
import {
  ChangeKind,
  Consequence,
  NodeListResponse,
  ObjectKind,
  type StackDeployRequest,
  StackDeployResponse,
  type StackRollbackRequest,
  StackRollbackResponse,
  WatchEvent,
} from '../../../proto/generated/gantry/v1/control.ts';
import { ImageInspectResponse } from '../../../proto/generated/gantry/v1/engine.ts';
import { NodeState, Service, Task, TaskState } from '../../../proto/generated/gantry/v1/types.ts';
import { serverStreamMethod, unaryMethod } from '../../../proto/server.ts';
import { FakeDaemon, runCli } from '../../fake-daemon.testing.ts';

let daemon: FakeDaemon;
let directory = '';

beforeEach(() => {
  daemon = new FakeDaemon();
  directory = mkdtempSync(join(tmpdir(), 'gantry-cli-test-'));
  writeFileSync(join(directory, 'stack.yml'), 'services: {web: {image: "web:2"}}\n');
});

afterEach(() => {
  daemon.stop();
  rmSync(directory, { recursive: true, force: true });
});

async function gantry(methods: UntypedServiceImplementation, argv: string[]) {
  await daemon.start(methods);
  return await runCli(daemon.host, argv, { cwd: directory });
}

const UPDATE = {
  change: ChangeKind.UPDATE,
  kind: ObjectKind.SERVICE,
  id: 's1',
  name: 'shop_web',
  consequence: Consequence.ROLLS,
  tasks: { present: 1, replaced: 1, update: { parallelism: 1 } },
  fields: [{ field: 'image', before: 'web:1', after: 'web:2' }],
};
const BASE = {
  imageInspect: unaryMethod(async () => ImageInspectResponse.fromPartial({ image: { id: 'sha256:1' } })),
  nodeList: unaryMethod(async () =>
    NodeListResponse.fromPartial({ nodes: [{ id: 'n1', spec: {}, status: { state: NodeState.READY } }] }),
  ),
};

/** Refuses to be asked to change anything. */
function planning(changes: object[]) {
  const stackDeploy = unaryMethod(async ({ dryRun }: StackDeployRequest) => {
    if (!dryRun) throw new GantryError('WRONG_STATE', 'it was to be planned only');
    return StackDeployResponse.fromPartial({ changes, version: 1, previousVersion: 1 });
  });
  return { ...BASE, stackDeploy };
}

describe('stack diff', () => {
  const DIFF = ['stack', 'diff', '-c', 'stack.yml', 'shop'];
  const TEXT =
    '~ service shop_web: rolls 1 of 1 task, one at a time, stop-first\n    image: web:1 → web:2\n1 to change\n';

  it('shows what a deploy would change, as deploy --dry-run does', async () => {
    expect(await gantry(planning([UPDATE]), DIFF)).toMatchObject({ exitCode: 0, stdout: TEXT, stderr: '' });
    const dry = await runCli(daemon.host, ['stack', 'deploy', '--dry-run', '-c', 'stack.yml', 'shop'], {
      cwd: directory,
    });
    expect(dry).toMatchObject({ exitCode: 0, stdout: TEXT, stderr: '' });
  });

  it('tells by --exit-code whether there is a difference', async () => {
    expect(await gantry(planning([UPDATE]), [...DIFF, '--exit-code', '-q'])).toMatchObject({ exitCode: 1, stdout: '' });
    const broken = await runCli(daemon.host, ['stack', 'diff', '-c', 'none.yml', 'shop', '--exit-code']);
    expect(broken.exitCode).toBe(2);
  });

  it('ends with 0 when nothing would change', async () => {
    const same = [{ ...UPDATE, change: ChangeKind.UNCHANGED, fields: [], consequence: Consequence.NONE }];
    expect(await gantry(planning(same), [...DIFF, '--exit-code'])).toMatchObject({
      exitCode: 0,
      stdout: 'No changes.\n',
    });
  });

  it('is JSON when asked for', async () => {
    const { stdout } = await gantry(planning([UPDATE]), [...DIFF, '--format', 'json']);
    expect(JSON.parse(stdout).Changes[0]).toMatchObject({ Name: 'shop_web', Consequence: 'rolls' });
  });
});

describe('stack deploy --rollback', () => {
  const DEPLOY = ['stack', 'deploy', '--rollback', '--timeout', '300ms', '-c', 'stack.yml', 'shop'];
  const watched = (specVersion: number, state: TaskState, error = '') => [
    WatchEvent.fromPartial({
      object: {
        $case: 'service',
        value: Service.fromPartial({
          id: 's1',
          specVersion,
          spec: { annotations: { name: 'shop_web' }, mode: { $case: 'replicated', value: { replicas: 1 } } },
        }),
      },
    }),
    ...['t1', 't2', 't3'].map((id) =>
      WatchEvent.fromPartial({
        object: {
          $case: 'task',
          value: Task.fromPartial({
            id: `${id}-${specVersion}`,
            serviceId: 's1',
            serviceName: 'shop_web',
            slot: 1,
            nodeId: 'n1',
            specVersion,
            desiredState: error === '' && id === 't1' ? TaskState.RUNNING : TaskState.SHUTDOWN,
            status: { state, error },
          }),
        },
      }),
    ),
    WatchEvent.fromPartial({ synced: true }),
  ];

  /** The new version fails; the one before comes back, or not. */
  function failing(
    versions: { version: number; previousVersion: number },
    after: readonly [TaskState, string?] = [TaskState.RUNNING],
  ) {
    const asked: StackRollbackRequest[] = [];
    const stackDeploy = unaryMethod(async () => StackDeployResponse.fromPartial({ changes: [UPDATE], ...versions }));
    const stackRollback = unaryMethod(async (request: StackRollbackRequest) => {
      asked.push(request);
      return StackRollbackResponse.fromPartial({ version: request.version, changes: [UPDATE] });
    });
    const watch = serverStreamMethod(async function* (_request: unknown, signal: AbortSignal) {
      yield* asked.length === 0 ? watched(2, TaskState.FAILED, 'exit code 3') : watched(1, ...after);
      await new Promise<void>((resolve) => {
        signal.addEventListener('abort', () => resolve(), { once: true });
      });
    });
    const serviceLogs = serverStreamMethod<unknown, unknown>(async function* () {});
    return { asked, methods: { ...BASE, stackDeploy, stackRollback, watch, serviceLogs } };
  }

  it('goes back to what was there before, waits for it, and fails', async () => {
    const { asked, methods } = failing({ version: 5, previousVersion: 4 });
    const { exitCode, stdout, stderr } = await gantry(methods, [...DEPLOY, '--timeout', '10s']);
    expect(exitCode).toBe(1);
    expect(asked).toEqual([{ name: 'shop', version: 4, dryRun: false, takenBack: 5 }]);
    expect(stdout).toContain(
      'Going back to version 4 of stack shop\nUpdating service shop_web\nshop_web: 1/1 running\n',
    );
    expect(stderr).toContain('gantry: service shop_web failed: shop_web.1: failed: exit code 3');
    expect(stderr).toMatch(/gantry: version 5 of stack shop failed and was taken back: version 4 runs again\n$/);
  });

  it('says so when the way back fails, too', async () => {
    const { methods } = failing({ version: 5, previousVersion: 4 }, [TaskState.FAILED, 'exit code 5']);
    const { exitCode, stderr } = await gantry(methods, DEPLOY);
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/stack shop could not be taken back to version 4: service shop_web failed: .*exit code 5/);
  });

  it('leaves a first version as it is, with a hint', async () => {
    const { asked, methods } = failing({ version: 1, previousVersion: 0 });
    const { exitCode, stderr } = await gantry(methods, DEPLOY);
    expect({ exitCode, asked }).toEqual({ exitCode: 1, asked: [] });
    expect(stderr).toMatch(
      /exit code 3; it stays as it is, since stack shop had no version before; 'gantry stack rm shop'/,
    );
  });

  it('takes nothing back where nothing is new', async () => {
    const { asked, methods } = failing({ version: 4, previousVersion: 4 });
    const { exitCode, stderr } = await gantry(methods, DEPLOY);
    expect({ exitCode, asked }).toEqual({ exitCode: 1, asked: [] });
    expect(stderr).toContain('this deploy changed nothing');
  });

  it('is refused with --detach', async () => {
    const { exitCode, stderr } = await gantry({}, [...DEPLOY, '--detach']);
    expect(exitCode).toBe(125);
    expect(stderr).toContain('--rollback waits for the outcome');
  });
});
