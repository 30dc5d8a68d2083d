/** What `service create`, `service update` and `stack deploy` find out of images, against a daemon that answers what the test says. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { UntypedServiceImplementation } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ErrorCode, GantryError } from '../../proto/errors.ts';
import {
  type ServiceCreateRequest,
  type ServiceUpdateRequest,
  type StackDeployRequest,
  StackDeployResponse,
} from '../../proto/generated/gantry/v1/control.ts';
import { type DistributionInspectRequest, ImageInspectResponse } from '../../proto/generated/gantry/v1/engine.ts';
import { Service } from '../../proto/generated/gantry/v1/types.ts';
import { unaryMethod } from '../../proto/server.ts';
import { FakeDaemon, runCli } from '../fake-daemon.testing.ts';

const DIGEST = `sha256:${'1'.repeat(64)}`;
const WEB = 'reg:5000/web:1';

let daemon: FakeDaemon;
let home: string;
const looked: DistributionInspectRequest[] = [];
const sent: (ServiceCreateRequest | ServiceUpdateRequest | StackDeployRequest)[] = [];
/** How the registry refuses; by image. */
const refusals = new Map<string, ErrorCode>();

beforeEach(() => {
  daemon = new FakeDaemon();
  home = mkdtempSync(join(tmpdir(), 'gantry-home-'));
  for (const list of [looked, sent]) list.splice(0);
  refusals.clear();
  mkdirSync(join(home, '.docker'));
  const auths = { 'reg:5000': { auth: Buffer.from('alice:s3cret').toString('base64') } };
  writeFileSync(join(home, '.docker', 'config.json'), JSON.stringify({ auths }));
});
afterEach(() => {
  daemon.stop();
  rmSync(home, { recursive: true, force: true });
});

const running = Service.fromPartial({
  id: 's1',
  spec: { annotations: { name: 'web' }, task: { container: { image: `reg:5000/web:0@${DIGEST}` } } },
});

function methods(here: readonly string[], unrecordedImages: string[]): UntypedServiceImplementation {
  const take = unaryMethod(async (request: ServiceCreateRequest | ServiceUpdateRequest | StackDeployRequest) => {
    sent.push(request);
    return { ...StackDeployResponse.fromPartial({ unrecordedImages }), id: 's1' };
  });
  return {
    distributionInspect: unaryMethod(async (request: DistributionInspectRequest) => {
      looked.push(request);
      const code = refusals.get(request.reference);
      if (code !== undefined) throw new GantryError(code, 'the registry says no');
      return { digest: DIGEST, platforms: [], remembered: false };
    }),
    imageInspect: unaryMethod(async ({ reference }: { reference: string }) => {
      if (!here.includes(reference)) throw new GantryError('IMAGE_NOT_FOUND', 'not here');
      return ImageInspectResponse.fromPartial({ image: { id: DIGEST } });
    }),
    serviceList: unaryMethod(async () => ({
      services: [{ service: running, runningTasks: 0, desiredTasks: 0, completedTasks: 0 }],
    })),
    serviceCreate: take,
    serviceUpdate: take,
    stackDeploy: take,
  };
}

interface World {
  readonly here?: readonly string[];
  readonly unrecorded?: string[];
}

async function gantry(argv: readonly string[], { here = [], unrecorded = [] }: World = {}) {
  await daemon.start(methods(here, unrecorded));
  return await runCli(daemon.host, argv, { env: { HOME: home }, cwd: home });
}

const create = (...argv: string[]) => ['service', 'create', '-d', ...argv];

describe('the image of a service', () => {
  it('is asked of its registry with the login of the user, which goes no further', async () => {
    expect(await gantry(create('--name', 'a', WEB))).toMatchObject({ exitCode: 0, stderr: '' });
    expect(looked).toMatchObject([{ reference: WEB, credentials: { username: 'alice', password: 's3cret' } }]);
    expect(sent).toMatchObject([{ registry: { images: { [WEB]: { digest: DIGEST } }, credentials: {} } }]);
  });

  it('is pulled with it where that is wanted', async () => {
    await gantry(create('--name', 'a', '--with-registry-auth', WEB));
    expect(sent[0]?.registry?.credentials).toMatchObject({ 'reg:5000': { username: 'alice', password: 's3cret' } });
  });

  it('is not asked when it is not to be, or has a digest', async () => {
    await gantry(create('--name', 'a', '--no-resolve-image', '--with-registry-auth', WEB));
    expect(Object.keys(sent[0]?.registry?.credentials ?? {})).toEqual(['reg:5000']);
    expect(looked).toEqual([]);
  });

  it('of an update that names none isn’t asked for; new credentials are for the one that it has', async () => {
    await gantry(['service', 'update', '-d', '--with-registry-auth', '--no-resolve-image', 'web']);
    expect(looked).toEqual([]);
    expect(Object.keys(sent[0]?.registry?.credentials ?? {})).toEqual(['reg:5000']);
  });

  it('is warned of in Docker’s words when it has no digest, with the reason', async () => {
    refusals.set(WEB, 'UNAVAILABLE');
    const { exitCode, stderr } = await gantry(create('--name', 'a', WEB), { unrecorded: [WEB] });
    expect(exitCode).toBe(0);
    expect(stderr).toBe(
      `gantry: warning: image ${WEB} could not be accessed on a registry to record its digest. Each node will access ${WEB} ` +
        'independently, possibly leading to different nodes running different versions of the image. (the registry says no)\n',
    );
  });

  it.each<[string, string, ErrorCode, World, number]>([
    ['nobody has, to a registry that says so', WEB, 'IMAGE_NOT_FOUND', {}, 1],
    ['this host has', WEB, 'IMAGE_NOT_FOUND', { here: [WEB] }, 0],
    ['a service has', 'reg:5000/web:0', 'IMAGE_NOT_FOUND', {}, 0],
    ['may be had with another login', WEB, 'PERMISSION_DENIED', {}, 0],
    ['may be had later', WEB, 'UNAVAILABLE', {}, 0],
    ['has no registry, and is not here', 'web:1', 'UNAVAILABLE', {}, 1],
    ['has no registry, and is here', 'web:1', 'WRONG_STATE', { here: ['web:1'] }, 0],
  ])('that %s', async (_, image, code, world, exitCode) => {
    refusals.set(image, code);
    const finished = await gantry(create('--name', 'a', image), world);
    expect(finished.exitCode).toBe(exitCode);
    expect(finished.stderr).toMatch(
      exitCode === 0 ? /^$/ : /^gantry: no such image ".*"; .*\(the registry says no\)\n$/,
    );
    expect(sent).toHaveLength(exitCode === 0 ? 1 : 0);
  });
});

describe('the images of a stack', () => {
  it('are asked for each once, but for those that are never pulled', async () => {
    const services = [`a: {image: "${WEB}"}`, `b: {image: "${WEB}"}`, 'c: {image: "own:1", pull_policy: never}'];
    writeFileSync(join(home, 'stack.yml'), `services: {${services.join(', ')}}`);
    const flags = ['-d', '-c', 'stack.yml', '--with-registry-auth'];
    expect(await gantry(['stack', 'deploy', ...flags, 'shop'])).toMatchObject({ exitCode: 0, stderr: '' });
    expect(looked.map(({ reference }) => reference)).toEqual([WEB]);
    expect(Object.keys(sent[0]?.registry?.credentials ?? {})).toEqual(['reg:5000']);
  });
});
