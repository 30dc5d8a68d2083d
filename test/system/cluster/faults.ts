/** Hosts that lose their power, links that are cut, and managers that come and go. */
import { describe, expect, it } from 'vitest';
import type { TestCluster } from './test-cluster.ts';

const MANAGERS = ['h1', 'h2', 'h3'];

export function faults(cluster: () => TestCluster): void {
  const statuses = async () => {
    const nodes = await cluster().nodes('{{.Status}}/{{.ManagerStatus}}');
    return Object.fromEntries(Object.entries(nodes).filter(([host]) => MANAGERS.includes(host)));
  };
  const leader = async () => {
    const found = Object.entries(await statuses()).find(([, status]) => status === 'Ready/Leader')?.[0];
    if (found === undefined) throw new Error('nobody leads');
    return found;
  };
  const untilThree = () =>
    cluster().until('three managers', async () => {
      const found = Object.values(await statuses());
      return found.every((status) => /^Ready\/(Leader|Reachable)$/.test(status)) && `${found}`.includes('Leader');
    });
  /** One that goes on asking, while the other is switched off. */
  const askAnother = (than: string) => {
    cluster().asked = cluster().host(MANAGERS.find((name) => name !== than) ?? '');
  };

  describe('a manager', () => {
    it('is taken back when it is demoted and at once promoted again', async () => {
      const other = MANAGERS.find((name) => name !== cluster().asked.name) ?? '';
      for (let round = 0; round < 2; round += 1) {
        await cluster().ok('node', 'demote', other);
        await cluster().ok('node', 'promote', other);
        await untilThree();
      }
    });

    it('through which itself and another are demoted is the last of them', async () => {
      const [asked = '', other = '', third = ''] = [
        cluster().asked.name,
        ...MANAGERS.filter((name) => name !== cluster().asked.name),
      ];
      expect(await cluster().ok('node', 'demote', asked, other)).toBe(
        `Manager ${other} demoted in the cluster.\nManager ${asked} demoted in the cluster.`,
      );
      cluster().asked = cluster().host(third);
      await cluster().until('one to be left', async () => {
        const { [asked]: one, [other]: two } = await statuses();
        return one === 'Ready/' && two === 'Ready/';
      });
      await cluster().ok('node', 'promote', asked, other);
      await untilThree();
    });
  });

  describe('an update', () => {
    it('goes on when the leader loses its power, whose tasks run elsewhere then', async () => {
      const first = await leader();
      await cluster().sleepers('web', '--replicas', '8', '--update-delay', '200ms', '--update-monitor', '100ms');
      await cluster().until('it to run', async () => (await cluster().running('web')).length === 8);
      const old = new Set((await cluster().running('web')).map(({ id }) => id));
      const fresh = async () => (await cluster().running('web')).filter(({ id }) => !old.has(id));
      await cluster().ok('service', 'update', '--detach', '--env-add', 'VERSION=2', 'web');
      await cluster().until('it to have begun', async () => (await fresh()).length > 0);
      await cluster().host(first).powerOff();
      askAnother(first);
      await cluster().until('all to be new, and elsewhere', async () => {
        const tasks = await fresh();
        return tasks.length === 8 && tasks.every(({ node }) => node !== first);
      });
      const state = () => cluster().ok('service', 'inspect', '--format', '{{.UpdateStatus.State}}', 'web');
      await cluster().until('the update to be over', async () => (await state()) === 'completed');
      await cluster().host(first).start();
      await untilThree();
    });
  });

  describe('a node', () => {
    it('that is cut off is replaced, and stops what it still runs when it returns; one that finds another manager is not', async () => {
      const leading = cluster().host(await leader());
      askAnother(leading.name);
      const [lost, oneWay] = [cluster().host('h8'), cluster().host('h7')];
      const on = async (host: string) => (await cluster().running('web')).filter(({ node }) => node === host);
      await cluster().ok('service', 'scale', '--detach', 'web=16');
      await cluster().until('all to run', async () => (await cluster().running('web')).length === 16);
      const containers = async () => (await lost.ok(['ps', '-q'])).split('\n');
      const stranded = await containers();
      expect(stranded).not.toEqual(['']);
      const steady = await on('h7');
      await cluster().lab.cut(leading, oneWay);
      for (const name of MANAGERS) await cluster().lab.cut(lost, cluster().host(name));
      for (const name of MANAGERS) await cluster().lab.cut(cluster().host(name), lost);
      await cluster().until('its tasks to run elsewhere', async () => {
        return (await cluster().running('web')).length === 16 && (await on('h8')).length === 0;
      });
      // Nobody there has told it: it goes on with what it has.
      expect(await containers()).toEqual(stranded);
      expect((await cluster().nodes('{{.Status}}')).h7).toBe('Ready');
      expect(await on('h7')).toEqual(expect.arrayContaining(steady));
      await cluster().lab.healAll();
      await cluster().until('it to stop them', async () => {
        const left = await containers();
        return stranded.every((id) => !left.includes(id));
      });
      await cluster().until('it to be back', async () => (await cluster().nodes('{{.Status}}')).h8 === 'Ready');
      await untilThree();
    });

    it('that is removed by force takes its tasks along, which are replaced at once; one that lives ends them', async () => {
      await cluster().host('h7').powerOff();
      const removed = ['h6', 'h7'];
      const before = (await cluster().running('web')).filter(({ node }) => removed.includes(node)).map(({ id }) => id);
      await cluster().ok('node', 'rm', '--force', ...removed);
      await cluster().until('all to run elsewhere', async () => {
        const running = await cluster().running('web');
        return running.length === 16 && running.every(({ id }) => !before.includes(id));
      });
      const lost = (await cluster().tasks('web')).filter(({ id }) => before.includes(id));
      expect(lost.map(({ state, desired }) => `${state}/${desired}`)).toEqual(before.map(() => 'Orphaned/Shutdown'));
      expect(Object.keys(await cluster().nodes('{{.Status}}'))).toEqual(['h1', 'h2', 'h3', 'h4', 'h5', 'h8']);
      const h6 = cluster().host('h6');
      await cluster().until('h6 to end its tasks', async () => (await h6.ok(['ps', '-aq'])) === '');
    });
  });
}
