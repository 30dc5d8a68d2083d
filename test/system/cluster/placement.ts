/** Where tasks go, and why they go nowhere. */
import { describe, expect, it } from 'vitest';
import { hostsOf, type TestCluster } from './test-cluster.ts';

/** Two data centres, with two racks each. */
const LABELS: Readonly<Record<string, readonly string[]>> = {
  h4: ['dc=a', 'rack=1'],
  h5: ['dc=a', 'rack=2'],
  h6: ['dc=b', 'rack=1'],
  h7: ['dc=b', 'rack=1'],
  h8: ['dc=b', 'rack=2'],
};

export function placement(cluster: () => TestCluster): void {
  describe('a node', () => {
    it('shows what it is, and the labels that it was given', async () => {
      const roles = await cluster().nodes('{{.Status}} {{.Availability}} {{.ManagerStatus}}');
      expect(Object.keys(roles)).toEqual(['h1', 'h2', 'h3', 'h4', 'h5', 'h6', 'h7', 'h8']);
      expect(roles).toMatchObject({ h1: 'Ready Active Leader', h3: 'Ready Active Reachable', h8: 'Ready Active' });
      for (const [host, labels] of Object.entries(LABELS)) {
        await cluster().ok('node', 'update', ...labels.flatMap((label) => ['--label-add', label]), host);
      }
      await cluster().ok('node', 'update', '--label-add', 'gone=1', 'h8');
      await cluster().ok('node', 'update', '--label-rm', 'gone', 'h8');
      const [h4, h8] = JSON.parse(await cluster().ok('node', 'inspect', 'h4', 'h8'));
      expect(h4).toMatchObject({
        Spec: { Labels: { dc: 'a', rack: '1' }, Role: 'worker', Availability: 'active' },
        Description: { Hostname: 'h4', Platform: { OS: 'linux' }, Engine: { Labels: { disk: 'ssd' } } },
        Status: { State: 'ready', Addr: '10.99.0.4' },
      });
      expect(h8.Spec.Labels).toEqual({ dc: 'b', rack: '2' });
    });
  });

  describe('constraints', () => {
    it('are met by each kind of attribute, equal or not', async () => {
      const [id, architecture] = (
        await cluster().ok('node', 'inspect', '--format', '{{.ID}} {{.Description.Platform.Architecture}}', 'h4')
      ).split(' ');
      const cases: readonly (readonly [string, string])[] = [
        [`node.id==${id}`, 'h4'],
        ['node.hostname==h5', 'h5'],
        ['node.role==manager,node.hostname!=h1', 'h2 h3'],
        ['node.labels.dc==a', 'h4 h5'],
        ['node.labels.dc!=a,node.role!=manager', 'h6 h7 h8'],
        ['engine.labels.disk==ssd', 'h4'],
        ['engine.labels.disk!=ssd,node.labels.dc==a', 'h5'],
        [`node.platform.os==linux,node.platform.arch==${architecture},node.labels.rack==2`, 'h5 h8'],
        ['node.platform.os!=linux', ''],
        [`node.platform.arch!=${architecture}`, ''],
      ];
      const names = cases.map((_, index) => `where${index}`);
      for (const [index, [constraints]] of cases.entries()) {
        const flags = constraints.split(',').flatMap((constraint) => ['--constraint', constraint]);
        await cluster().sleepers(`where${index}`, '--mode', 'global', ...flags);
      }
      let found: Record<string, string> = {};
      const expected = Object.fromEntries(cases.map(([constraints, hosts]) => [constraints, hosts]));
      await cluster()
        .until('all to be where they may', async () => {
          const running = await cluster().running(...names);
          const hosts = (index: number) => hostsOf(running.filter(({ name }) => name.startsWith(`where${index}.`)));
          found = Object.fromEntries(cases.map(([constraints], index) => [constraints, hosts(index)]));
          return JSON.stringify(found) === JSON.stringify(expected);
        })
        .catch(() => expect(found).toEqual(expected));
      await cluster().remove(...names);
    });
  });

  describe('tasks', () => {
    it('are spread over labels, level by level', async () => {
      const preferences = ['dc', 'rack'].flatMap((label) => ['--placement-pref', `spread=node.labels.${label}`]);
      const flags = ['--replicas', '8', '--constraint', 'node.role==worker', ...preferences];
      await cluster().sleepers('spread', ...flags);
      await cluster().untilPlaces('spread', 'h4 h4 h5 h5 h6 h7 h8 h8');
      await cluster().remove('spread');
    });

    it('fill one node after the other where the service wants that', async () => {
      const flags = ['--strategy', 'binpack', '--reserve-memory', '16m', '--constraint', 'node.labels.dc==b'];
      await cluster().sleepers('packed', '--replicas', '3', ...flags);
      await cluster().until('them to run', async () => (await cluster().running('packed')).length === 3);
      expect(new Set((await cluster().places('packed')).split(' ')).size).toBe(1);
      await cluster().remove('packed');
    });

    it('that can go nowhere say why, filter by filter', async () => {
      await cluster().ok('node', 'update', '--availability', 'pause', 'h8');
      const workers = ['--replicas', '6', '--constraint', 'node.role==worker'];
      await cluster().sleepers('ports', ...workers, '--publish', 'mode=host,published=9000,target=9000');
      await cluster().sleepers('huge', '--constraint', 'node.role==worker', '--reserve-memory', '900g');
      await cluster().sleepers('picky', '--constraint', 'node.labels.dc==b', '--constraint', 'node.labels.rack==2');
      await cluster().until('four to run', async () => (await cluster().running('ports')).length === 4);
      const reasons = async () => {
        const waiting = (await cluster().tasks('ports', 'huge', 'picky')).filter(({ state }) => state === 'Pending');
        return Object.fromEntries(waiting.map(({ name, error }) => [name.split('.')[0], error]));
      };
      await cluster().until('all to say why', async () => Object.keys(await reasons()).length === 3);
      expect(await reasons()).toEqual({
        ports: expect.stringMatching(/4 nodes: host port 9000\/tcp in use; 3 nodes: constraint/),
        huge: expect.stringMatching(
          /4 nodes: insufficient memory; 3 nodes: constraint node\.role==worker not met; 1 node: paused/,
        ),
        picky: expect.stringMatching(/^"no suitable node \(.*1 node: paused/),
      });
      // What they wait for comes true.
      await cluster().ok('node', 'update', '--availability', 'active', 'h8');
      await cluster().untilPlaces('ports', 'h4 h5 h6 h7 h8');
      await cluster().untilPlaces('picky', 'h8');
      await cluster().remove('ports', 'huge', 'picky');
    });
  });
}
