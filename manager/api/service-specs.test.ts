/** One service created, updated and taken back by itself. */
import { beforeEach, describe, expect, it } from 'vitest';
import { unary } from '../../proto/client.ts';
import { ResolveImage, type ServiceListResponse, StackSpec } from '../../proto/generated/gantry/v1/control.ts';
import { MountType, ServiceSpec, UpdateState } from '../../proto/generated/gantry/v1/types.ts';
import { agent, deploy, manager, port, running, useManager, waitFor } from '../manager-fixture.testing.ts';
import { serviceSpec } from '../objects.testing.ts';

useManager();

describe('a service by itself', () => {
  const found = async (reference: string) => {
    const { services } = await unary<ServiceListResponse>((done) =>
      manager.client.serviceList({ stack: '', references: [reference] }, done),
    );
    return services[0]?.service;
  };
  const update = (reference: string, base: ServiceSpec | undefined, spec: ServiceSpec | undefined) =>
    unary((done) => manager.client.serviceUpdate({ reference, base, spec }, done));
  const withImage = (spec: ServiceSpec | undefined, image: string) =>
    ServiceSpec.fromPartial({ ...spec, task: { ...spec?.task, container: { ...spec?.task?.container, image } } });

  beforeEach(async () => {
    const spec = serviceSpec('web', { replicas: 2, ports: [port(8090)] });
    await unary((done) => manager.client.serviceCreate({ spec }, done));
    await waitFor(() => expect(running('web')).toHaveLength(2));
  });

  it('is created, updated, and taken back to what it was', async () => {
    const before = await found('web');
    await update('web', before?.spec, withImage(before?.spec, 'hello:2'));
    await waitFor(() =>
      expect(running('web').map((task) => task.spec?.container?.image)).toEqual(['hello:2', 'hello:2']),
    );
    expect(await found('web')).toMatchObject({
      previousSpec: before?.spec,
      updateStatus: { state: UpdateState.UPDATING },
    });
    await unary((done) => manager.client.serviceRollback({ reference: 'web' }, done));
    await waitFor(() => {
      expect(running('web').map((task) => [task.spec?.container?.image, task.specVersion])).toEqual([
        ['hello:latest', 1],
        ['hello:latest', 1],
      ]);
    });
    expect(await found('web')).toMatchObject({ updateStatus: { state: UpdateState.ROLLBACK_STARTED } });
  });

  it('has the platforms of its image, as far as they are known and wanted, when it is deployed', async () => {
    const platform = { os: 'linux', architecture: 'amd64' };
    const platformsOf = async (name: string) => (await found(name))?.spec?.placement?.imagePlatforms ?? [];
    expect(await platformsOf('web')).toEqual([]);
    agent.reportImages(['docker.io/library/hello:latest'], platform);
    await waitFor(async () => {
      const before = await found('web');
      await update('web', before?.spec, before?.spec);
      expect(await platformsOf('web')).toEqual([platform]);
    });
    const create = (name: string, resolveImage: ResolveImage) =>
      unary((done) => manager.client.serviceCreate({ spec: serviceSpec(name), resolveImage }, done));
    await create('known', ResolveImage.ALWAYS);
    expect(await platformsOf('known')).toEqual([platform]);
    await create('any', ResolveImage.NEVER);
    expect(await platformsOf('any')).toEqual([]);
    await deploy(
      StackSpec.fromPartial({ name: 's', services: [serviceSpec('s_a'), serviceSpec('s_b', { image: 'b' })] }),
    );
    expect(await platformsOf('s_a')).toEqual([platform]);
    expect(await platformsOf('s_b')).toEqual([]);
  });

  it('is not updated over what somebody else has changed meanwhile', async () => {
    const before = await found('web');
    await update('web', before?.spec, withImage(before?.spec, 'hello:2'));
    await expect(update('web', before?.spec, withImage(before?.spec, 'hello:3'))).rejects.toMatchObject({
      code: 'CONFLICT',
      message: 'service web was changed by somebody else meanwhile',
    });
    expect((await found('web'))?.spec?.task?.container?.image).toBe('hello:2');
  });

  it('has nothing to go back to before its first update, and refuses names and ports that others have', async () => {
    await expect(unary((done) => manager.client.serviceRollback({ reference: 'web' }, done))).rejects.toMatchObject({
      code: 'WRONG_STATE',
      message: 'service web does not have a previous spec',
    });
    const create = (spec: ServiceSpec) => unary((done) => manager.client.serviceCreate({ spec }, done));
    await expect(create(serviceSpec('web'))).rejects.toMatchObject({ code: 'ALREADY_EXISTS' });
    await expect(create(serviceSpec('other', { ports: [port(8090)] }))).rejects.toMatchObject({
      code: 'PORT_IN_USE',
      message: 'port 8090/tcp is already published by service web',
    });
    await expect(create(serviceSpec('no way'))).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await expect(create(serviceSpec('lost', { networks: ['nowhere'] }))).rejects.toMatchObject({
      message: 'service lost refers to undefined network "nowhere"',
    });
  });

  it('knows where nodes have what it mounts, and needs an external volume to be somewhere', async () => {
    const base = serviceSpec('mounting');
    const mounts = [
      { type: MountType.VOLUME, source: 'theirs', target: '/a', volumeExternal: true },
      { type: MountType.BIND, source: '/srv/here', target: '/b' },
      { type: MountType.BIND, source: '/srv/nowhere', target: '/c' },
    ];
    const spec = ServiceSpec.fromPartial({
      ...base,
      task: { ...base.task, container: { ...base.task?.container, mounts } },
    });
    const create = () => unary((done) => manager.client.serviceCreate({ spec }, done));
    agent.sources.add('/srv/here');
    await expect(create()).rejects.toMatchObject({
      code: 'NOT_FOUND',
      message: 'service mounting: external volume "theirs" is on no node',
    });
    agent.sources.add('theirs');
    await create();
    const sources = (await found('mounting'))?.sources?.sources;
    expect(sources?.map(({ source, nodeIds }) => [source, nodeIds.length])).toEqual([
      ['/srv/here', 1],
      ['theirs', 1],
    ]);
  });
});
