/**
 * Rolling updates under load: six replicas on three hosts, requests on the published port of each, half of them on connections
 * that are kept, and one long request always under way on each. Counts what fails; nothing should.
 *
 * Arguments: [updates [requests per second and host [seconds of the long request]]]
 */

import type { Host } from '../../lab/host.ts';
import { joinHosts } from '../../lab/join-hosts.ts';
import { Lan } from '../../lab/lan.ts';
import { until } from '../../lab/until.ts';
import { importWeb, WEB_IMAGE } from './web-image.ts';
import { type LoadReport, WebLoad } from './web-load.ts';

const [updates = 10, perSecond = 300, slowSeconds = 20] = process.argv.slice(2).map(Number);

const stack = (version: number, order: string) => `
services:
  web:
    image: ${WEB_IMAGE}
    hostname: web-{{.Task.Slot}}
    environment: {VERSION: "${version}"}
    stop_grace_period: ${slowSeconds + 15}s
    healthcheck: {test: [CMD, /bin/busybox, wget, -q, -O, /dev/null, "http://127.0.0.1/"], interval: 5s, start_interval: 200ms, start_period: 20s}
    ports: ["8080:80"]
    deploy:
      replicas: 6
      update_config: {order: ${order}, parallelism: 2, monitor: 0s}
      restart_policy: {delay: 0s}
`;

interface Phase {
  readonly name: string;
  readonly run: () => Promise<void>;
}

async function main(): Promise<void> {
  const lan = await Lan.create('updates', 4);
  const loads: WebLoad[] = [];
  try {
    const nodes = lan.hosts.slice(0, 3);
    const outside = lan.hosts[3] as Host;
    await Promise.all(nodes.map((host) => host.start()));
    await joinHosts(nodes, nodes.length);
    await importWeb(nodes);
    const [first] = nodes as [Host];
    let version = 0;
    const deploy = async (order: string, from: Host = first) => {
      version += 1;
      await from.ok(['stack', 'deploy', '-c', '-', 'shop'], { stdin: stack(version, order), timeoutMs: 400_000 });
    };
    await deploy('start-first');
    const phases: Phase[] = [
      {
        name: `${Math.ceil(updates / 2)} updates, start-first`,
        run: () => repeat(Math.ceil(updates / 2), () => deploy('start-first')),
      },
      {
        name: `${Math.floor(updates / 2)} updates, stop-first`,
        run: () => repeat(Math.floor(updates / 2), () => deploy('stop-first')),
      },
      {
        name: 'an update while the leader is killed',
        run: () => whileLeaderIsKilled(nodes, (from) => deploy('start-first', from)),
      },
      { name: 'an update while a node is drained', run: () => whileDrained(nodes, () => deploy('start-first')) },
    ];
    for (const { name, run } of phases) {
      for (const { address } of nodes) {
        loads.push(await WebLoad.start(outside, `http://${address}:8080`, { perSecond, slowMs: slowSeconds * 1000 }));
      }
      const begun = Date.now();
      await run();
      const reports = await Promise.all(loads.splice(0).map((load) => load.end()));
      print(name, (Date.now() - begun) / 1000, reports);
    }
  } finally {
    for (const load of loads) load.kill();
    await lan.destroy();
  }
}

async function repeat(times: number, action: () => Promise<void>): Promise<void> {
  for (let count = 0; count < times; count += 1) await action();
}

/** Its manager alone, as a crash would; the deployment is asked for at another one. */
async function whileLeaderIsKilled(nodes: readonly Host[], update: (from: Host) => Promise<void>): Promise<void> {
  const [first] = nodes as [Host];
  const name = await first.ok(['node', 'ls', '--format', '{{if eq .ManagerStatus "Leader"}}{{.Hostname}}{{end}}']);
  const leader = nodes.find((host) => host.name === name.trim()) ?? first;
  const other = nodes.find((host) => host !== leader) ?? first;
  const updating = update(other);
  await until('the update to begin', async () => (await newTasks(other)) > 0);
  process.kill(leader.pid('manager'), 'SIGKILL');
  await updating;
}

async function newTasks(host: Host): Promise<number> {
  const states = await host.ok([
    'service',
    'ps',
    '--filter',
    'desired-state=running',
    '--format',
    '{{.CurrentState}}',
    'shop_web',
  ]);
  return states.split('\n').filter((state) => !state.startsWith('Running')).length;
}

async function whileDrained(nodes: readonly Host[], update: () => Promise<void>): Promise<void> {
  const [first, last] = [nodes[0] as Host, nodes[2] as Host];
  const updating = update();
  await first.ok(['node', 'update', '--availability', 'drain', last.name]);
  await updating;
  await until('the node to be empty', async () => (await last.ok(['ps', '-q'])).trim() === '', 120_000);
  await first.ok(['node', 'update', '--availability', 'active', last.name]);
}

function print(name: string, seconds: number, reports: readonly LoadReport[]): void {
  const sum = (of: (report: LoadReport) => number) => reports.reduce((total, report) => total + of(report), 0);
  const failures = reports.flatMap((report) => report.failures);
  const clients = [...new Set(reports.flatMap((report) => Object.keys(report.clients)))];
  console.log(
    `${name}: ${seconds.toFixed(0)} s, ${sum((report) => report.requests)} requests and ${sum((report) => report.slow)} long ones, ` +
      `${failures.length} failed, ${sum((report) => report.retried)} asked again on another connection, slowest ` +
      `${Math.max(...reports.map((report) => report.slowest))} ms, clients seen: ${clients.join(', ')}`,
  );
  for (const failure of failures.slice(0, 10)) console.log(`  ${failure}`);
}

await main();
