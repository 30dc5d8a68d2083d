/** Rolling updates and jobs on one host, as a user and a CI job see them: nothing is interrupted, and what fails is taken back. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HOST_ADDRESS, Host } from '../lab/host.ts';
import { importBusybox } from '../lab/image.ts';
import { fetchOne } from '../lab/requests.ts';

const PORT = 8081;

let host: Host;

beforeAll(async () => {
  host = await Host.create('updates');
  await host.start();
  await importBusybox(host);
  await host.ok(['cluster', 'init', '--advertise-addr', HOST_ADDRESS]);
});

afterAll(() => host.destroy());

/** Serves a page that says its version, or does what `command` says instead. */
function stackFile(version: string, command = 'exec httpd -f -p 80 -h /tmp'): string {
  const path = join(host.directory, 'site.yml');
  writeFileSync(
    path,
    `services:
  web:
    image: busybox
    command: ["sh", "-c", "echo ${version} >/tmp/index.html; ${command}"]
    ports: ["${PORT}:80"]
    stop_grace_period: 1s
    healthcheck: {test: wget -q -O /dev/null http://127.0.0.1/, interval: 1s, start_interval: 100ms, start_period: 5s}
    deploy:
      replicas: 2
      restart_policy: {delay: 0s}
      update_config: {order: start-first, failure_action: rollback, monitor: 1s}
`,
  );
  return path;
}

const deploy = (file: string) => host.gantry(['stack', 'deploy', '-c', file, 'site']);
const page = () => fetchOne(host.inside([]), `http://127.0.0.1:${PORT}/index.html`);

async function runningTasks(): Promise<string[]> {
  const format = ['--format', '{{.ID}}'];
  const ids = await host.look(['service', 'ps', '--filter', 'desired-state=running', ...format, 'site_web']);
  return ids.split('\n').sort();
}

describe('a service that starts first', () => {
  it('is updated without a request that fails', async () => {
    expect(await deploy(stackFile('one'))).toMatchObject({ code: 0 });
    const over = new AbortController();
    const answers: string[] = [];
    const asking = (async () => {
      while (!over.signal.aborted) answers.push((await page()).trim());
    })();
    expect(await deploy(stackFile('two'))).toMatchObject({ code: 0 });
    over.abort();
    await asking;
    expect(new Set(answers)).toEqual(new Set(['one', 'two']));
    expect((await page()).trim()).toBe('two');
    const pretty = await host.ok(['service', 'inspect', '--pretty', 'site_web']);
    expect(pretty).toContain('UpdateStatus:\n State:\tcompleted\n');
  });

  it('goes back by itself to what worked when the new version fails, and the deploy says so', async () => {
    const before = await runningTasks();
    const { code, stderr } = await deploy(stackFile('three', 'echo out of order; exit 3'));
    expect(code).toBe(1);
    expect(stderr).toContain('out of order');
    expect(stderr).toMatch(/service site_web: update rolled back due to failure or early termination of task \w+/);
    expect(stderr).toContain('exit code 3');
    expect(await runningTasks()).toEqual(before);
    expect((await page()).trim()).toBe('two');
    const status = ['--format', '{{.UpdateStatus.State}}'];
    expect(await host.ok(['service', 'inspect', ...status, 'site_web'])).toBe('rollback_completed');
  });
});

describe('a job', () => {
  it('is deployed when its tasks have completed, and runs again when it is changed', async () => {
    const path = join(host.directory, 'job.yml');
    const job = (text: string) =>
      writeFileSync(
        path,
        `services:
  pack:
    image: busybox
    command: [sh, -c, 'echo packed ${text} $$SLOT']
    environment: { SLOT: '{{.Task.Slot}}' }
    deploy: {mode: replicated-job, replicas: 3}
`,
      );
    job('one');
    await host.ok(['stack', 'deploy', '-c', path, 'batch']);
    const row = ['--format', '{{.Mode}} {{.Replicas}}'];
    expect(await host.ok(['service', 'ls', '--filter', 'name=batch_pack', ...row])).toBe(
      'replicated job 0/0 (3/3 completed)',
    );
    job('two');
    await host.ok(['stack', 'deploy', '-c', path, 'batch']);
    const lines = (await host.ok(['service', 'logs', 'batch_pack'])).split('\n').filter((line) => line.includes('two'));
    expect(lines).toHaveLength(3);
    await host.ok(['stack', 'rm', 'batch']);
  });
});
