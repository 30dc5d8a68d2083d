import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { config, EngineFixture } from './engine-fixture.testing.ts';

let fixture: EngineFixture;
beforeEach(() => {
  fixture = new EngineFixture();
});
afterEach(() => fixture.remove());

/** A task's container, which has its own name and shares "web". */
function createTask(taskId: string): Promise<string> {
  return fixture.engine.create(config({ containerName: 'web' }, { name: `shop_web.1.${taskId}` }), {
    taskId,
    files: [],
  });
}

describe('a name that containers of a service share', () => {
  it('is the newest that runs, else the newest', async () => {
    const { engine } = fixture;
    const first = await createTask('t1');
    expect(engine.inspect('web').id).toBe(first);
    await engine.start(first);
    const second = await createTask('t2');
    expect(engine.inspect('web').id).toBe(first);
    await engine.start(second);
    expect(engine.inspect('/web').id).toBe(second);
    await engine.stop('web', 0);
    expect(engine.inspect('web').id).toBe(first);
    await engine.stop('web', 0);
    expect(engine.inspect('web').id).toBe(second);
    await engine.remove('web', { force: false, volumes: false });
    expect(engine.inspect('web').id).toBe(first);
    expect(engine.inspect('shop_web.1.t1').id).toBe(first);
  });

  it('is not for other containers while one has it, and the other way round', async () => {
    const { engine } = fixture;
    const id = await createTask('t1');
    const other = () => engine.create(config({}, { name: 'web' }));
    await expect(other()).rejects.toThrow(`the name "web" is in use by container ${id.slice(0, 12)}`);
    await engine.remove(id, { force: false, volumes: false });
    const taken = await other();
    await expect(createTask('t2')).rejects.toThrow(`the name "web" is in use by container ${taken.slice(0, 12)}`);
    await engine.remove(taken, { force: false, volumes: false });
    await createTask('t3');
  });

  it('is found by filters', async () => {
    const id = await createTask('t1');
    const found = await fixture.engine.list({ all: true, filters: ['name=^web$'] });
    expect(found.map((container) => container.id)).toEqual([id]);
  });

  it('is still there after a restart of gantryd', async () => {
    const id = await createTask('t1');
    await fixture.restart();
    expect(fixture.engine.inspect('web').id).toBe(id);
    await expect(fixture.engine.create(config({}, { name: 'web' }))).rejects.toMatchObject({ code: 'ALREADY_EXISTS' });
  });

  it('is only for services', async () => {
    await expect(fixture.engine.create(config({ containerName: 'web' }))).rejects.toMatchObject({
      code: 'UNSUPPORTED',
    });
  });
});
