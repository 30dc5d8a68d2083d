/** What becomes of tasks over time, and what they are given. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runCommand } from '../../lab/command.ts';
import type { PoweredHost } from '../../lab/powered-host.ts';
import { hostsOf, type TestCluster } from './test-cluster.ts';

const SECRET = 'the-quick-brown-fox-jumps';

/** Files below a directory that have the secret's text in them. */
async function filesWithSecret(argv: (command: readonly string[]) => readonly string[], ...directories: string[]) {
  // Not by its exit code: there are files that can't be read, as namespaces.
  const { stdout } = await runCommand(argv(['grep', '-rlas', SECRET, ...directories]));
  return stdout.split('\n').filter((line) => line !== '');
}

const seenBy = (host: PoweredHost) => filesWithSecret((command) => host.inside(command), host.dataRoot, host.execRoot);

export function orchestration(cluster: () => TestCluster): void {
  describe('a service', () => {
    it('goes from the list at once when it is removed, and its name can be used again', async () => {
      await cluster().sleepers('again', '--replicas', '2', '--constraint', 'node.role==worker');
      await cluster().until('it to run', async () => (await cluster().running('again')).length === 2);
      const old = (await cluster().running('again')).map(({ id }) => id);
      await cluster().remove('again');
      expect(await cluster().ok('service', 'ls', '--format', '{{.Name}}')).not.toContain('again');
      await cluster().sleepers('again', '--constraint', 'node.hostname==h5');
      await cluster().untilPlaces('again', 'h5');
      expect((await cluster().tasks('again')).filter(({ id }) => old.includes(id))).toEqual([]);
      await cluster().remove('again');
    });

    it('that is a job on each node completes there, once', async () => {
      const flags = ['--mode', 'global-job', '--constraint', 'node.role==worker', '--name', 'once', 'busybox', 'true'];
      await cluster().ok('service', 'create', '--quiet', ...flags);
      const row = ['--filter', 'name=once', '--format', '{{.Mode}} {{.Replicas}}'];
      expect(await cluster().ok('service', 'ls', ...row)).toMatch(/^global job 0\/0 \(5\/5 completed\)/);
      const tasks = await cluster().tasks('once');
      expect(tasks.every(({ state }) => state === 'Complete')).toBe(true);
      expect(hostsOf(tasks)).toBe('h4 h5 h6 h7 h8');
      await cluster().remove('once');
    });

    it('is restarted as its policy says, and has as much of a past as the cluster keeps', async () => {
      const fleeting = async (name: string, exitCode: number, ...flags: string[]) => {
        const command = ['busybox', 'sh', '-c', `exit ${exitCode}`];
        await cluster().ok(
          'service',
          'create',
          '--detach',
          '--restart-delay',
          '0s',
          '--name',
          name,
          ...flags,
          ...command,
        );
      };
      await fleeting('never', 3, '--restart-condition', 'none');
      await fleeting('thrice', 3, '--restart-condition', 'on-failure', '--restart-max-attempts', '2');
      await fleeting('done', 0, '--restart-condition', 'on-failure');
      await fleeting('always', 0);
      const states = async (service: string) =>
        (await cluster().tasks(service)).map(({ state, desired }) => `${state}/${desired}`);
      const until = (service: string, ...expected: string[]) =>
        cluster().until(`${service} to have ended`, async () => `${await states(service)}` === `${expected}`);
      await until('never', 'Failed/Shutdown');
      await until('thrice', 'Failed/Shutdown', 'Failed/Shutdown', 'Failed/Shutdown');
      await until('done', 'Complete/Shutdown');
      expect((await cluster().tasks('never'))[0]?.error).toContain('exit code 3');
      await cluster().until('a long past', async () => (await states('always')).length > 4);
      await cluster().ok('cluster', 'update', '--task-history-limit', '1');
      await cluster().until('a short past', async () => (await states('always')).length <= 3);
      await cluster().ok('cluster', 'update', '--task-history-limit', '5');
      await cluster().remove('never', 'thrice', 'done', 'always');
    });

    it('that starts first has all of its tasks throughout while a node is drained', async () => {
      const flags = ['--replicas', '3', '--constraint', 'node.labels.dc==b', '--update-order', 'start-first'];
      await cluster().sleepers('steady', ...flags);
      await cluster().untilPlaces('steady', 'h6 h7 h8');
      await cluster().ok('node', 'update', '--availability', 'drain', 'h6');
      await cluster().until('it to move', async () => {
        const running = (await cluster().tasks('steady')).filter(({ state }) => state === 'Running');
        expect(running.length).toBeGreaterThanOrEqual(3);
        return running.length === 3 && running.every(({ node }) => node !== 'h6');
      });
      expect(await cluster().ok('node', 'ps', '--filter', 'desired-state=running', '-q', 'h6')).toBe('');
      await cluster().ok('node', 'update', '--availability', 'active', 'h6');
      await cluster().remove('steady');
    });
  });

  describe('a secret', () => {
    it('is on the nodes whose tasks use it, in memory only, and for so long', async () => {
      const { lab } = cluster();
      const file = join(lab.host('h1').directory, 'secret');
      writeFileSync(file, SECRET);
      await cluster().ok('secret', 'create', 'key', file);
      writeFileSync(file, '');
      await cluster().sleepers('keeper', '--secret', 'key', '--constraint', 'node.hostname==h4');
      await cluster().untilPlaces('keeper', 'h4');
      const h4 = lab.host('h4');
      const container = await h4.ok(['ps', '-q', '--filter', 'name=keeper']);
      expect(await h4.ok(['exec', container, 'cat', '/run/secrets/key'])).toBe(SECRET);
      expect(await h4.ok(['exec', container, 'grep', ' /run/secrets/key ', '/proc/mounts'])).toMatch(
        /^tmpfs .*[ ,]ro[ ,]/,
      );
      expect(await seenBy(h4)).not.toEqual([]);
      for (const name of ['h1', 'h5', 'h8']) expect(await seenBy(lab.host(name))).toEqual([]);
      // From outside their mounts can't be seen: what is found here is on a disk.
      expect(await filesWithSecret((command) => command, lab.directory)).toEqual([]);
      await cluster().remove('keeper');
      await cluster().until('it to be gone', async () => (await seenBy(h4)).length === 0);
      await cluster().ok('secret', 'rm', 'key');
    });
  });
}
