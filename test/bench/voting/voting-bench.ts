/**
 * examples/voting on three hosts, deployed from a fourth that is in no cluster: how long its first start takes, and in which order;
 * and an update of one web front while all three hosts are asked for it. Counts what fails; nothing should. Makes the images from
 * the distribution's packages, which needs mmdebstrap and a mirror.
 *
 * Arguments: [requests per second and host [archive that keeps the base images from one run to the next]]
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { output, runCommand } from '../../lab/command.ts';
import { ROOT } from '../../lab/engine-host.ts';
import type { Host } from '../../lab/host.ts';
import { joinHosts } from '../../lab/join-hosts.ts';
import { Lan } from '../../lab/lan.ts';
import { fetchOne } from '../../lab/requests.ts';
import { until } from '../../lab/until.ts';
import { type LoadReport, WebLoad } from '../updates/web-load.ts';

const [perSecond = '40', archive] = process.argv.slice(2);
const EXAMPLE = join(ROOT, 'examples/voting');
const GANTRY = join(ROOT, 'cli/bin/gantry');
const VOTES = 60;
const PATIENCE_MS = 300_000;
const print = (line: string) => process.stdout.write(`${line}\n`);

async function seconds(action: () => Promise<unknown>): Promise<string> {
  const begun = performance.now();
  await action();
  return `${((performance.now() - begun) / 1000).toFixed(1)} s`;
}

async function main(): Promise<void> {
  const lan = await Lan.create('voting', 4);
  const loads: WebLoad[] = [];
  try {
    const nodes = lan.hosts.slice(0, 3);
    const outside = lan.hosts[3] as Host;
    const [first] = nodes as [Host];
    await Promise.all(nodes.map((host) => host.start()));
    await joinHosts(nodes, nodes.length);
    print(`base images: ${await seconds(() => takeImages(first))}`);
    const deploy = deployer(outside, await first.ok(['client', 'create', 'ci', '--role', 'admin', '-o', '-']));
    print(`first deploy, with its builds: ${await seconds(async () => printTimeline(await deploy('1')))}`);
    print(
      `placed: ${(await first.ok(['stack', 'ps', '--format', '{{.Name}}@{{.Node}}', 'voting'])).split('\n').join(' ')}`,
    );
    print(`the same once more: ${await seconds(() => deploy('1'))}`);
    print(`${VOTES} votes counted: ${await seconds(() => voteAndCount(outside, nodes))}`);
    for (const { address } of nodes) {
      loads.push(await WebLoad.start(outside, `http://${address}:8090`, { perSecond: Number(perSecond), slowMs: 0 }));
    }
    const took = await seconds(() => deploy('2'));
    const reports = await Promise.all(loads.splice(0).map((load) => load.end()));
    printLoad(`update of vote under load: ${took}`, reports);
    print(`now: ${(await fetchOne(outside.inside([]), `http://${first.address}:8090/`)).trim()}`);
  } finally {
    for (const load of loads) load.kill();
    await lan.destroy();
  }
}

async function takeImages(host: Host): Promise<void> {
  if (archive !== undefined && existsSync(archive)) {
    await host.ok(['load', '-i', archive], { timeoutMs: 300_000 });
    return;
  }
  await makeImages(host);
  const names = ['redis:debian', 'postgres:debian', 'python:debian'];
  if (archive !== undefined) await host.ok(['save', '-o', archive, ...names], { timeoutMs: 300_000 });
}

/** Outside the lab, where the mirror is; the host's daemon takes them by its socket. */
async function makeImages(host: Host): Promise<void> {
  const env = { GANTRY, GANTRY_HOST: host.socket };
  const { code, stdout, stderr } = await runCommand([join(EXAMPLE, 'make-images')], { env, timeoutMs: 900_000 });
  if (code !== 0) throw new Error(`make-images exited with ${code}\n${stdout}${stderr}`);
}

/** From a machine that has the files, the command and a certificate. */
function deployer(outside: Host, context: string): (voteVersion: string) => Promise<string> {
  let isKnown = false;
  return async (voteVersion) => {
    const env = { HOME: outside.directory, GANTRY_HOST: '', GANTRY_CONTEXT: '', VOTE_VERSION: voteVersion };
    const run = async (args: readonly string[], stdin = '') => {
      const argv = outside.inside([GANTRY, ...args]);
      const { code, stdout, stderr } = await runCommand(argv, { env, stdin, timeoutMs: 2 * PATIENCE_MS });
      if (code !== 0) throw new Error(`gantry ${args.join(' ')} exited with ${code}\n${stdout}${stderr}`);
      return stdout;
    };
    if (!isKnown) await run(['context', 'import', 'lab', '-'], context);
    isKnown = true;
    return await run([
      '--context',
      'lab',
      'stack',
      'deploy',
      '--timeout',
      '10m',
      '-c',
      join(EXAMPLE, 'stack.yml'),
      'voting',
    ]);
  };
}

/** What each service waited for, as the deploy told it. */
function printTimeline(stdout: string): void {
  for (const line of stdout.split('\n')) if (/^voting_\w+: /.test(line)) print(`  ${line}`);
}

async function voteAndCount(outside: Host, nodes: readonly Host[]): Promise<void> {
  const choices = ['cats', 'dogs'];
  for (let number = 0; number < VOTES; number += 1) {
    const { address } = nodes[number % nodes.length] as Host;
    const body = `choice=${choices[number % 2]}`;
    await output(outside.inside(['curl', '-sf', '-d', body, `http://${address}:8090/`]));
  }
  const [first] = nodes as [Host];
  const expected = choices.map((choice) => `${choice}: ${VOTES / 2}\n`).join('');
  await until(
    'all votes to be counted',
    async () => {
      return (await output(outside.inside(['curl', '-s', `http://${first.address}:8091/`]))) === expected;
    },
    PATIENCE_MS,
  );
}

function printLoad(name: string, reports: readonly LoadReport[]): void {
  const requests = reports.reduce((total, report) => total + report.requests, 0);
  const failures = reports.flatMap((report) => report.failures);
  const slowest = Math.max(...reports.map((report) => report.slowest));
  print(`${name}, ${requests} requests, ${failures.length} failed, slowest ${slowest} ms`);
  for (const failure of failures.slice(0, 10)) print(`  ${failure}`);
}

await main();
