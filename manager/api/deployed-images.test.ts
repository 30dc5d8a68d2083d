/** Images of services as registries know them, and who pulls them: from the request to the node. */
import { beforeEach, describe, expect, it } from 'vitest';
import { unary } from '../../proto/client.ts';
import {
  ChangeKind,
  Consequence,
  RegistryFacts,
  ResolveImage,
  type ServiceCreateResponse,
  type ServiceListResponse,
  type StackDeployResponse,
  type StackHistoryResponse,
  StackSpec,
  type WatchEvent,
} from '../../proto/generated/gantry/v1/control.ts';
import { RegistryCredentials } from '../../proto/generated/gantry/v1/engine.ts';
import type { Service } from '../../proto/generated/gantry/v1/types.ts';
import { agent, manager, running, useManager, waitFor } from '../manager-fixture.testing.ts';
import { node, serviceSpec } from '../objects.testing.ts';

useManager();

const digest = (letter: string) => `sha256:${letter.repeat(64)}`;
const IMAGE = 'reg:5000/web:1';
const PASSWORD = 's3cret';
const PLATFORM = { os: 'linux', architecture: 'amd64' };

function facts(letter: string, password?: string): RegistryFacts {
  const credentials =
    password === undefined ? {} : { 'reg:5000': { username: 'alice', password }, other: { password } };
  return RegistryFacts.fromPartial({
    images: { [IMAGE]: { digest: digest(letter), platforms: [PLATFORM] } },
    credentials,
  });
}

async function found(name: string): Promise<Service | undefined> {
  const { services } = await unary<ServiceListResponse>((done) =>
    manager.client.serviceList({ stack: '', references: [name] }, done),
  );
  return services[0]?.service;
}

const imageOf = async (name: string) => (await found(name))?.spec?.task?.container?.image;
/** What the nodes are told to pull with, of the tasks of a service. */
const told = (service: string) =>
  [...agent.tasks.values()]
    .filter(({ serviceName }) => serviceName === service)
    .map(({ pullCredentials }) => pullCredentials && RegistryCredentials.decode(pullCredentials).password);

describe('a service whose image a registry has', () => {
  const create = (registry: RegistryFacts | undefined, resolveImage: ResolveImage = ResolveImage.ALWAYS) => {
    const spec = serviceSpec('web', { image: IMAGE });
    return unary<ServiceCreateResponse>((done) =>
      manager.client.serviceCreate({ spec, resolveImage, ...(registry === undefined ? {} : { registry }) }, done),
    );
  };

  it('runs by its digest, on nodes of its platforms', async () => {
    expect(await create(facts('a'))).toMatchObject({ unrecordedImages: [] });
    expect(await imageOf('web')).toBe(`${IMAGE}@${digest('a')}`);
    expect((await found('web'))?.spec?.placement?.imagePlatforms).toEqual([PLATFORM]);
  });

  it('is pulled with the credentials that came with it, which only its nodes are told', async () => {
    await create(facts('a', PASSWORD));
    await waitFor(() => expect(told('web')).toEqual([PASSWORD]));
    expect((await found('web'))?.pullCredentials).toBeUndefined();
    const watch = manager.client.watch({ kinds: [], stack: '', fromRevision: 0 });
    const seen: WatchEvent[] = [];
    for await (const event of watch as AsyncIterable<WatchEvent>) {
      seen.push(event);
      if (event.synced) break;
    }
    watch.on('error', () => undefined).cancel();
    expect(seen.some(({ object }) => object?.$case === 'service')).toBe(true);
    expect(JSON.stringify(seen)).not.toMatch(/pullCredentials|byDomain/);
  });

  it('keeps them when it is updated without, and takes new ones without its tasks being replaced', async () => {
    await create(facts('a', PASSWORD));
    await waitFor(() => expect(running('web')).toHaveLength(1));
    const [before] = running('web');
    const update = async (registry?: RegistryFacts) => {
      const base = (await found('web'))?.spec;
      const request = { reference: 'web', base, spec: base, ...(registry === undefined ? {} : { registry }) };
      await unary((done) => manager.client.serviceUpdate(request, done));
      const kept = manager.store.view((read) => read.find('service', { by: 'name', value: 'web' })[0]?.pullCredentials);
      return Object.entries(kept?.byDomain ?? {}).map(([domain, bytes]) => [
        domain,
        RegistryCredentials.decode(bytes).password,
      ]);
    };
    expect(await update()).toEqual([['reg:5000', PASSWORD]]);
    expect(await update(facts('a', 'newer'))).toEqual([['reg:5000', 'newer']]);
    expect(running('web').map(({ id }) => id)).toEqual([before?.id]);
  });

  it('is said to be unrecorded without a digest, where nodes could come to differ', async () => {
    expect(await create(undefined)).toMatchObject({ unrecordedImages: [] });
    await manager.store.update((tx) => tx.create('node', node('another')));
    const deploy = (resolveImage: ResolveImage) =>
      unary<StackDeployResponse>((done) => {
        const stack = StackSpec.fromPartial({ name: 's', services: [serviceSpec('s_web', { image: IMAGE })] });
        return manager.client.stackDeploy({ stack, prune: false, dryRun: false, resolveImage }, done);
      });
    expect((await deploy(ResolveImage.ALWAYS)).unrecordedImages).toEqual([IMAGE]);
    expect((await deploy(ResolveImage.NEVER)).unrecordedImages).toEqual([]);
  });
});

describe('a stack whose image a registry has', () => {
  const deploy = async (registry: RegistryFacts | undefined, resolveImage: ResolveImage = ResolveImage.ALWAYS) => {
    const stack = StackSpec.fromPartial({ name: 's', services: [serviceSpec('s_web', { image: IMAGE })] });
    const request = { stack, prune: false, dryRun: false, resolveImage };
    const { changes } = await unary<StackDeployResponse>((done) =>
      manager.client.stackDeploy({ ...request, ...(registry === undefined ? {} : { registry }) }, done),
    );
    return changes.map(({ change }) => change);
  };

  beforeEach(async () => {
    expect(await deploy(facts('a', PASSWORD))).toEqual([ChangeKind.CREATE]);
    await waitFor(() => expect(running('s_web')).toHaveLength(1));
  });

  it('stays as it is when it is deployed again, whether or not the registry answers', async () => {
    expect(await deploy(facts('a', PASSWORD))).toEqual([ChangeKind.UNCHANGED]);
    expect(await deploy(undefined)).toEqual([ChangeKind.UNCHANGED]);
    expect(await deploy(facts('b'), ResolveImage.CHANGED)).toEqual([ChangeKind.UNCHANGED]);
    const { versions } = await unary<StackHistoryResponse>((done) => manager.client.stackHistory({ name: 's' }, done));
    expect(versions).toHaveLength(1);
  });

  it('moves with its tag, and goes back to what it was', async () => {
    expect(await deploy(facts('b'))).toEqual([ChangeKind.UPDATE]);
    expect(await imageOf('s_web')).toBe(`${IMAGE}@${digest('b')}`);
    await waitFor(() => expect(told('s_web')).toContain(PASSWORD));
    await unary((done) => manager.client.stackRollback({ name: 's', version: 0, dryRun: false, takenBack: 0 }, done));
    expect(await imageOf('s_web')).toBe(`${IMAGE}@${digest('a')}`);
  });
});

describe('a stack whose image is built', () => {
  const deploy = (registry: Partial<RegistryFacts>, more: { dryRun?: boolean; resolveImage?: ResolveImage } = {}) => {
    const stack = StackSpec.fromPartial({ name: 's', services: [serviceSpec('s_web', { image: 'made:1' })] });
    const request = { stack, prune: false, dryRun: false, ...more, registry: RegistryFacts.fromPartial(registry) };
    return unary<StackDeployResponse>((done) => manager.client.stackDeploy(request, done));
  };
  const built = (letter: string) => ({
    built: { 'made:1': { digest: digest(letter), platform: PLATFORM, otherPlatforms: [] } },
  });
  const kinds = ({ changes }: StackDeployResponse) => changes.map(({ change }) => change);

  beforeEach(async () => {
    expect(kinds(await deploy(built('a')))).toEqual([ChangeKind.CREATE]);
    await waitFor(() => expect(running('s_web')).toHaveLength(1));
  });

  it('runs what was built, and rolls when a build has given another one', async () => {
    expect(await imageOf('s_web')).toBe(`made:1@${digest('a')}`);
    expect((await found('s_web'))?.spec?.placement?.imagePlatforms).toEqual([PLATFORM]);
    expect(kinds(await deploy(built('a')))).toEqual([ChangeKind.UNCHANGED]);
    expect(kinds(await deploy(built('b'), { resolveImage: ResolveImage.NEVER }))).toEqual([ChangeKind.UPDATE]);
    expect(await imageOf('s_web')).toBe(`made:1@${digest('b')}`);
    await unary((done) => manager.client.stackRollback({ name: 's', version: 0, dryRun: false, takenBack: 0 }, done));
    expect(await imageOf('s_web')).toBe(`made:1@${digest('a')}`);
  });

  it('is told of as it is before it is built, with what another image would do', async () => {
    // Somebody has given the tag to another image.
    agent.reportImages(['docker.io/library/made:1', `docker.io/library/made@${digest('c')}`], PLATFORM);
    const [change] = (await deploy({ toBuild: ['made:1'] }, { dryRun: true })).changes;
    expect(change).toMatchObject({
      change: ChangeKind.UNCHANGED,
      consequence: Consequence.NONE,
      ifRebuilt: { consequence: Consequence.ROLLS, tasks: { present: 1, replaced: 1 } },
    });
    expect((await deploy(built('a'), { dryRun: true })).changes[0]?.ifRebuilt).toBeUndefined();
    expect(await imageOf('s_web')).toBe(`made:1@${digest('a')}`);
  });
});
