/** `service create`, `update` and `rollback` against a daemon that answers what the test says. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { UntypedServiceImplementation } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { GantryError } from '../../../proto/errors.ts';
import {
  ResolveImage,
  type ServiceCreateRequest,
  type ServiceListRequest,
  type ServiceRollbackRequest,
  type ServiceUpdateRequest,
} from '../../../proto/generated/gantry/v1/control.ts';
import { ImageInspectResponse } from '../../../proto/generated/gantry/v1/engine.ts';
import { Network, Secret, Service, ServiceSpec } from '../../../proto/generated/gantry/v1/types.ts';
import { unaryMethod } from '../../../proto/server.ts';
import { FakeDaemon, runCli } from '../../fake-daemon.testing.ts';

let daemon: FakeDaemon;
let directory = '';
let web: Service;
const created: ServiceSpec[] = [];
const resolved: (ResolveImage | undefined)[] = [];
const updates: ServiceUpdateRequest[] = [];
const rollbacks: string[] = [];

beforeEach(() => {
  daemon = new FakeDaemon();
  directory = mkdtempSync(join(tmpdir(), 'gantry-cli-test-'));
  web = Service.fromPartial({
    id: 'service-1',
    specVersion: 4,
    spec: {
      annotations: { name: 'web' },
      task: {
        container: { image: 'web:1', env: ['A=1'], init: true, secrets: [{ id: 's1', name: 'key', target: '/k' }] },
        networks: [{ target: 'n1', aliases: ['w'] }],
      },
      mode: { $case: 'replicated', value: { replicas: 2 } },
    },
  });
  for (const asked of [created, resolved, updates, rollbacks]) asked.length = 0;
});
afterEach(() => {
  daemon.stop();
  rmSync(directory, { recursive: true, force: true });
});

const methods: UntypedServiceImplementation = {
  imageInspect: unaryMethod(async ({ reference }: { reference: string }) => {
    if (reference === 'nope') throw new GantryError('IMAGE_NOT_FOUND', 'no such image: nope');
    return ImageInspectResponse.fromPartial({ image: { id: 'sha256:1' } });
  }),
  serviceList: unaryMethod(async ({ references }: ServiceListRequest) => {
    if (references.some((reference) => reference !== 'web' && reference !== web.id)) {
      throw new GantryError('NOT_FOUND', `no such service: ${references}`);
    }
    return { services: [{ service: web, runningTasks: 0, desiredTasks: 0, completedTasks: 0 }] };
  }),
  networkList: unaryMethod(async () => ({
    networks: [
      Network.fromPartial({ id: 'n1', spec: { annotations: { name: 'front' } } }),
      Network.fromPartial({ id: 'n0', spec: { annotations: { name: 'front' } }, pendingDelete: true }),
    ],
  })),
  secretList: unaryMethod(async () => ({
    secrets: [Secret.fromPartial({ id: 's1', spec: { annotations: { name: 'key' } } })],
  })),
  serviceCreate: unaryMethod(async ({ spec, resolveImage }: ServiceCreateRequest) => {
    created.push(spec ?? ServiceSpec.create());
    resolved.push(resolveImage);
    return { id: 'service-2', unrecordedImages: [] };
  }),
  serviceUpdate: unaryMethod(async (request: ServiceUpdateRequest) => {
    updates.push(request);
    resolved.push(request.resolveImage);
    return { unrecordedImages: [] };
  }),
  serviceRollback: unaryMethod(async ({ reference }: ServiceRollbackRequest) => {
    rollbacks.push(reference);
    return {};
  }),
};

async function gantry(argv: readonly string[], others: UntypedServiceImplementation = {}) {
  await daemon.start({ ...methods, ...others });
  return await runCli(daemon.host, ['service', ...argv], { cwd: directory, env: { SHELL_VAR: 'shell' } });
}

describe('service create', () => {
  it('prints the id, and asks for what the flags say', async () => {
    const file = join(directory, 'env');
    writeFileSync(file, 'A=1\nB=2\n');
    const flags = ['--name', 'api', '--env-file', file, '-e', 'A=3', '-e', 'SHELL_VAR', '--replicas', '3', '-d'];
    expect(await gantry(['create', ...flags, 'api:1', 'serve', '-d', '--verbose'])).toMatchObject({
      exitCode: 0,
      stdout: 'service-2\n',
      stderr: '',
    });
    expect(created).toMatchObject([
      {
        annotations: { name: 'api' },
        mode: { $case: 'replicated', value: { replicas: 3 } },
        task: {
          container: {
            image: 'api:1',
            command: { items: ['serve', '-d', '--verbose'] },
            entrypoint: undefined,
            env: ['A=3', 'B=2', 'SHELL_VAR=shell'],
          },
          resources: undefined,
        },
        placement: undefined,
        update: undefined,
      },
    ]);
  });

  it('makes a name up', async () => {
    await gantry(['create', '-d', '--mode', 'global', '--init=false', '--tty=true', 'api:1']);
    expect(created[0]?.annotations?.name).toMatch(/^[a-z]+_[a-z]+$/);
    expect(created[0]).toMatchObject({ mode: { $case: 'global' }, task: { container: { init: false, tty: true } } });
  });

  it.each([
    [['nope'], 1, /^gantry: no such image "nope"; pull it with .*\n$/],
    [
      ['--mode', 'global', '--replicas', '2', 'api:1'],
      125,
      /^gantry: --replicas can't be used with a global service; /,
    ],
    [['--mode', 'job', 'api:1'], 125, /"job" for --mode; write replicated, global, replicated-job or global-job/],
    [['--mode', 'many', 'api:1'], 125, /"many" for --mode; write replicated, global, replicated-job or global-job\n$/],
    [['--max-concurrent', '2', 'api:1'], 125, /--max-concurrent can only be used with a replicated job/],
    [['--endpoint-mode', 'dns', 'api:1'], 125, /"dns" for --endpoint-mode; /],
    [['--log-driver', 'splunk', 'api:1'], 125, /^gantry: invalid argument "splunk" for --log-driver; /],
    [['--env-add', 'A=1', 'api:1'], 125, /^gantry: unknown flag: --env-add/],
    [[], 1, /missing required argument 'image'/],
  ])('%j is refused', async (argv, exitCode, message) => {
    const finished = await gantry(['create', '-d', ...argv]);
    expect(finished.stderr).toMatch(message);
    expect(finished).toMatchObject({ exitCode, stdout: '' });
    expect(created).toEqual([]);
  });
});

describe('what platforms an image is for', () => {
  it.each([
    [['create', '-d', 'api:1'], ResolveImage.CHANGED],
    [['create', '-d', '--no-resolve-image', 'api:1'], ResolveImage.NEVER],
    [['update', '-d', '--image', 'api:2', 'web'], ResolveImage.ALWAYS],
    [['update', '-d', '--force', 'web'], ResolveImage.CHANGED],
    [['update', '-d', '--no-resolve-image', 'web'], ResolveImage.NEVER],
  ])('%j', async (argv, wanted) => {
    expect(await gantry(argv)).toMatchObject({ exitCode: 0 });
    expect(resolved).toEqual([wanted]);
  });
});

describe('service update', () => {
  it('sends what it read, and what it makes of it', async () => {
    const flags = ['--env-add', 'B=2', '--network-rm', 'front', '--secret-rm', 'key', '--init=false', '--force'];
    expect(await gantry(['update', ...flags, 'web', '-d'])).toMatchObject({ exitCode: 0, stdout: 'web\n', stderr: '' });
    const expected = ServiceSpec.fromPartial(web.spec ?? {});
    expect(updates).toMatchObject([{ reference: 'service-1', base: expected }]);
    expect(updates[0]?.spec?.task).toMatchObject({
      container: { image: 'web:1', env: ['A=1', 'B=2'], init: false, secrets: [] },
      networks: [],
      forceUpdate: 1,
    });
  });

  it('tries again when the service was changed meanwhile, with what it is then', async () => {
    const serviceUpdate = unaryMethod(async (request: ServiceUpdateRequest) => {
      updates.push(request);
      if (updates.length === 3) return { unrecordedImages: [] };
      web = Service.fromPartial({ ...web, spec: { ...web.spec, annotations: { name: 'web', labels: { n: 'new' } } } });
      throw new GantryError('CONFLICT', 'service web was changed by somebody else meanwhile');
    });
    expect((await gantry(['update', '-d', '--label-add', 'a=1', 'web'], { serviceUpdate })).exitCode).toBe(0);
    expect(updates.map(({ spec }) => spec?.annotations?.labels)).toEqual([
      { a: '1' },
      { a: '1', n: 'new' },
      { a: '1', n: 'new' },
    ]);
  });

  it('gives up when that goes on', async () => {
    const serviceUpdate = unaryMethod(async (request: ServiceUpdateRequest) => {
      updates.push(request);
      throw new GantryError('CONFLICT', 'service web was changed by somebody else meanwhile', { hint: 'try again' });
    });
    expect(await gantry(['update', '-d', 'web'], { serviceUpdate })).toMatchObject({
      exitCode: 1,
      stdout: '',
      stderr: 'gantry: service web was changed by somebody else meanwhile; try again\n',
    });
    expect(updates).toHaveLength(3);
  });

  it.each([
    [['nobody'], 1, 'gantry: no such service: nobody\n'],
    [['--image', 'nope', 'web'], 1, /^gantry: no such image "nope"; /],
    [['--limit-memory', 'much', 'web'], 125, /"much" for --limit-memory; write a size such as 512m or 2g\n$/],
    [['--network-rm', 'back', 'web'], 125, /"back" for --network-rm; /],
    [['--network-add', 'front', 'web'], 125, /already attached to network front; .*--network-rm front/],
    [['--endpoint-mode', '', 'web'], 125, /"" for --endpoint-mode; /],
    [['--max-concurrent', '1', 'web'], 125, /--max-concurrent can only be used with a replicated job/],
    [['--rollback', '--force', 'web'], 125, /other flags may not be combined with --rollback: --force; /],
    [['--rollback', '--env-add', 'A=1', 'web'], 125, /combined with --rollback: --env-add; /],
  ])('%j is refused', async (argv, exitCode, message) => {
    const finished = await gantry(['update', '-d', ...argv]);
    expect(finished.stderr).toMatch(message);
    expect(finished).toMatchObject({ exitCode, stdout: '' });
    expect([...updates, ...rollbacks]).toEqual([]);
  });
});

describe('service rollback', () => {
  it.each([[['rollback', '-d', 'web']], [['update', '--rollback', '-d', '-q', 'web']]])('%j', async (argv) => {
    expect(await gantry(argv)).toMatchObject({ exitCode: 0, stdout: 'web\n', stderr: '' });
    expect(rollbacks).toEqual(['service-1']);
    expect(updates).toEqual([]);
  });

  it('says when there is nothing to go back to', async () => {
    const serviceRollback = unaryMethod(async () => {
      throw new GantryError('WRONG_STATE', 'service web does not have a previous spec');
    });
    expect(await gantry(['rollback', 'web'], { serviceRollback })).toMatchObject({
      exitCode: 1,
      stderr: 'gantry: service web does not have a previous spec\n',
    });
  });
});
