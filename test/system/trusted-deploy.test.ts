/** What a deploy would change is told before, what it has changed is taken back when it fails, and what is so already takes no time. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HOST_ADDRESS, Host } from '../lab/host.ts';
import { importBusybox } from '../lab/image.ts';

let host: Host;

beforeAll(async () => {
  host = await Host.create('trusted');
  await host.start();
  await importBusybox(host);
  await host.ok(['cluster', 'init', '--advertise-addr', HOST_ADDRESS]);
});

afterAll(() => host.destroy());

interface Shop {
  readonly greeting?: string;
  readonly page?: string;
  readonly key?: string;
  readonly command?: string;
  readonly more?: string;
}

/** A service with a config and a secret, and one that waits for it. */
function shopFile({ greeting = 'hello', page = 'one', key = 'hush', command = 'exec sleep 1000', more = '' }: Shop) {
  writeFileSync(join(host.directory, 'page.txt'), page);
  writeFileSync(join(host.directory, 'key.txt'), key);
  const path = join(host.directory, 'shop.yml');
  writeFileSync(
    path,
    `services:
  web:
    image: busybox
    init: true
    command: ["sh", "-c", "${command}"]
    environment: { GREETING: ${greeting} }
    configs: [page]
    secrets: [key]
    deploy: { replicas: 2, restart_policy: { delay: 0s }, update_config: { monitor: 1s } }
  cron:
    image: busybox
    init: true
    command: sleep 1000
    depends_on: [web]
${more}
configs: { page: { file: ./page.txt } }
secrets: { key: { file: ./key.txt } }
`,
  );
  return path;
}

const stack = (verb: string, file: string, ...flags: string[]) =>
  host.gantry(['stack', verb, '-c', file, ...flags, 'shop']);
const history = () => host.ok(['stack', 'history', '--format', '{{.Version}} {{.Note}}', 'shop']);

/** Milliseconds. */
async function quickest(action: () => Promise<void>): Promise<number> {
  const times: number[] = [];
  while (times.length < 3) {
    const begun = performance.now();
    await action();
    times.push(performance.now() - begun);
  }
  return Math.min(...times);
}

describe('a first version that fails', () => {
  it('stays as it is, with its reason, its log, and what can be done', async () => {
    const { code, stderr } = await stack('deploy', shopFile({ command: 'echo no luck; exit 3' }), '--rollback');
    expect(code).toBe(1);
    expect(stderr).toMatch(/last log lines of shop_web\.\d:\n {4}no luck\n/);
    expect(stderr).toMatch(
      /gantry: service shop_web failed: shop_web\.\d: failed: exit code 3; it stays as it is, since stack shop had no version before; 'gantry stack rm shop' removes it\n$/,
    );
    await host.ok(['stack', 'rm', 'shop']);
  });
});

describe('stack diff', () => {
  it('tells what a first deploy makes, and that there is nothing more to do after it', async () => {
    const file = shopFile({});
    const before = await stack('diff', file, '--exit-code');
    expect(before.code).toBe(1);
    expect(before.stdout.split('\n')).toEqual(
      expect.arrayContaining(['+ network shop_default', '+ secret shop_key', '+ service shop_web: starts 2 tasks']),
    );
    expect(await host.ok(['service', 'ls', '-q'])).toBe('');
    const deployed = await stack('deploy', file);
    expect(deployed).toMatchObject({ code: 0 });
    expect(deployed.stdout).toMatch(/shop_cron: 0\/1 running \(pending: waiting for service shop_web to be started\)/);
    expect(await stack('diff', file, '--exit-code')).toMatchObject({ code: 0, stdout: 'No changes.\n' });
  });

  it('tells of each field, with its consequence, and never what a secret is', async () => {
    const file = shopFile({ greeting: 'hi', page: 'second', key: 'hush hush' });
    const { code, stdout } = await stack('diff', file);
    expect(code).toBe(0);
    expect(stdout.split('\n')).toEqual([
      '~ secret shop_key: new version, and what uses it rolls',
      '    content: (not shown) → (not shown)',
      '~ config shop_page: new version, and what uses it rolls',
      '    content: 3 bytes sha256:7692c3ad3540 → 6 bytes sha256:16367aacb67a',
      '~ service shop_web: rolls 2 of 2 tasks, one at a time, stop-first',
      '    environment GREETING: hello → hi',
      '    secrets /run/secrets/key: shop_key → shop_key (new version)',
      '    configs /page: shop_page → shop_page (new version)',
      '3 to change, 2 unchanged',
      '',
    ]);
    const document = JSON.parse((await stack('deploy', file, '--dry-run', '--format', 'json')).stdout);
    expect(document.Changes).toHaveLength(5);
    expect(await history()).toBe('1 current');
  });

  it('tells what stays although the file does not have it', async () => {
    await host.ok([
      'stack',
      'deploy',
      '-c',
      shopFile({ more: '  old: { image: busybox, command: sleep 1000, init: true }' }),
      'shop',
    ]);
    const file = shopFile({});
    expect((await stack('diff', file)).stdout).toBe(
      'No changes.\n  service shop_old is not in the file and stays; --prune removes it\n',
    );
    expect((await stack('diff', file, '--prune')).stdout).toContain('- service shop_old: stops 1 task\n1 to remove');
  });
});

describe('stack deploy', () => {
  it('changes nothing, and takes no time, when all is as the file says', async () => {
    const file = shopFile({});
    await host.ok(['stack', 'deploy', '--prune', '-c', file, 'shop']);
    const versions = await history();
    const listing = await quickest(async () => {
      await host.ok(['node', 'ls']);
    });
    const deploying = await quickest(async () => {
      const again = await stack('deploy', file);
      expect(again).toMatchObject({ code: 0, stdout: 'shop_cron: 1/1 running\nshop_web: 2/2 running\n' });
    });
    expect(await history()).toBe(versions);
    // A machine that is busy otherwise is slow in all it does.
    expect(deploying).toBeLessThan(Math.max(1000, 3 * listing));
  });

  it('takes back what fails, and nothing that others did', async () => {
    const tasks = ['service', 'ps', '-q', '--filter', 'desired-state=running', 'shop_cron'];
    const cron = await host.ok(tasks);
    const broken = shopFile({
      page: 'other',
      command: 'echo cannot start; exit 4',
      more: '  new: { image: busybox, command: sleep 1000, init: true }',
    });
    const { code, stdout, stderr } = await stack('deploy', broken, '--rollback');
    expect(code).toBe(1);
    expect(stderr).toContain('    cannot start\n');
    expect(stdout).toMatch(
      /Going back to version \d of stack shop\n(Updating config .*\n)?Updating service shop_web\nRemoving service shop_new\n/,
    );
    expect(stderr).toMatch(/gantry: version \d of stack shop failed and was taken back: version \d runs again\n$/);
    expect(await host.ok(tasks)).toBe(cron);
    expect(await stack('diff', shopFile({}), '--exit-code', '--prune')).toMatchObject({ code: 0 });
  });

  it('takes back what takes too long', async () => {
    const slow = shopFile({ greeting: 'late' });
    const unhealthy = '    healthcheck: { test: "false", start_period: 60s }\n    configs: [page]';
    writeFileSync(slow, readFileSync(slow, 'utf8').replace('    configs: [page]', unhealthy));
    const { code, stderr } = await stack('deploy', slow, '--rollback', '--timeout', '3s');
    expect(code).toBe(1);
    expect(stderr).toMatch(/gantry: not converged within 3s: shop_web: .*starting: waiting until it is healthy/);
    expect(stderr).toMatch(/was taken back: version \d runs again\n$/);
  });
});
