/** Secrets and configs that no stack made, as a user meets them. */
import { describe, expect, it } from 'vitest';
import { unary } from '../../proto/client.ts';
import {
  type ConfigCreateRequest,
  type ConfigCreateResponse,
  StackSpec,
} from '../../proto/generated/gantry/v1/control.ts';
import { agent, deploy, manager, useManager, waitFor } from '../manager-fixture.testing.ts';
import { serviceSpec } from '../objects.testing.ts';

useManager();

describe('secrets and configs of no stack', () => {
  const config = (name: string, text: string, templateDriver = '') => ({
    spec: { annotations: { name, labels: {} }, data: Buffer.from(text), templateDriver },
  });
  const create = (request: ConfigCreateRequest) =>
    unary<ConfigCreateResponse>((done) => manager.client.configCreate(request, done));
  const removeConfig = (reference: string) =>
    unary((done) => manager.client.configRemove({ references: [reference] }, done));
  const user = (configs: string[]) =>
    StackSpec.fromPartial({ name: 'user', services: [serviceSpec('user_web', { configs })] });

  it('are used by stacks, and are not removed while they are', async () => {
    const { id } = await create(config('common', 'content'));
    await deploy(user(['common']));
    await waitFor(() => expect(agent.files.size).toBe(1));
    await expect(removeConfig('common')).rejects.toMatchObject({
      code: 'IN_USE',
      message: 'config common is used by user_web',
    });
    await deploy(user([]));
    await removeConfig(id);
    await create(config('common', 'other content'));
    // A rollback of the service would need it.
    expect(manager.store.view((read) => read.get('config', id))).toMatchObject({ pendingDelete: true });
    await unary((done) => manager.client.stackRemove({ name: 'user' }, done));
    await waitFor(() => expect(manager.store.view((read) => read.get('config', id))).toBeUndefined());
  });

  it('are refused for a name that is taken, a bad name, too much content, or a bad template', async () => {
    await create(config('common', 'content'));
    await expect(create(config('common', 'other'))).rejects.toMatchObject({ code: 'ALREADY_EXISTS' });
    await expect(create(config('a b', 'x'))).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await expect(create(config('big', 'x'.repeat(1024 * 1024 + 1)))).rejects.toThrow('config big has 1048577 bytes');
    await expect(create(config('bad', '{{.Foo}}', 'golang'))).rejects.toThrow('bad template in line 1');
    await create(config('good', '{{.Node.ID}}', 'golang'));
  });

  it('are no templates while a manager would lose that they are', async () => {
    // Answered once there is a cluster.
    await unary((done) => manager.client.clusterInspect({}, done));
    await manager.store.update((tx) => {
      const [cluster] = tx.find('cluster', { by: 'all' });
      if (cluster !== undefined) tx.update('cluster', { ...cluster, stateFormat: 3 });
    });
    await expect(create(config('good', '{{.Node.ID}}', 'golang'))).rejects.toMatchObject({ code: 'WRONG_STATE' });
    const templated = StackSpec.fromPartial({ name: 's', secrets: [config('s_key', 'x', 'golang').spec] });
    await expect(deploy(templated)).rejects.toMatchObject({ code: 'WRONG_STATE' });
    await create(config('plain', 'x'));
  });
});
