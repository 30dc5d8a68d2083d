import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { ControlClient } from '../../../proto/generated/gantry/v1/control.ts';
import { type Cli, print } from '../../cli.ts';
import { refuse } from '../../command-line.ts';
import { ask, withClient } from '../../connection.ts';
import { CliError } from '../../failure.ts';
import { duration } from '../../options/limits.ts';
import { showRotation } from './ca-rotation.ts';

interface CaOptions {
  readonly rotate?: boolean;
  readonly caCert?: string;
  readonly caKey?: string;
  readonly certExpiry?: number;
  readonly detach?: boolean;
  readonly quiet?: boolean;
}

export function define(command: Command, cli: Cli): void {
  command
    .option('--rotate', "replace the authority of the nodes' certificates: all nodes get new ones")
    .option('--ca-cert <file>', 'with --rotate: the root certificate to use, in PEM; one is made if left out')
    .option('--ca-key <file>', 'with --rotate: the key of --ca-cert, in PEM')
    .option(
      '--cert-expiry <duration>',
      "with --rotate: how long nodes' certificates are valid",
      duration('--cert-expiry'),
    )
    .option('-d, --detach', "don't wait until all nodes have new certificates")
    .option('-q, --quiet', "don't show how far it is, nor the new root certificate")
    .action((options: CaOptions) => withClient(ControlClient, cli, (control) => run(cli, control, options)));
  refuse(
    command,
    '--external-ca <specification>',
    'the cluster has an authority of its own; give it yours with --ca-cert',
  );
}

async function run(cli: Cli, control: ControlClient, options: CaOptions): Promise<void> {
  if (options.rotate) await rotate(cli, control, options);
  else checkWithoutRotate(options);
  if (options.rotate && (options.detach || options.quiet)) return;
  const { certificate, rotating } = await ask(control, control.clusterCa, {});
  await print(cli, `${certificate.trim()}\n`);
  if (rotating) cli.stderr.write('This one is being replaced: "gantry cluster ca --rotate" began a rotation.\n');
}

async function rotate(cli: Cli, control: ControlClient, options: CaOptions): Promise<void> {
  const { desiredDigest } = await ask(control, control.clusterCaRotate, rotateRequest(cli, options));
  if (!options.detach) await showRotation(cli, control, desiredDigest, options.quiet ?? false);
}

function checkWithoutRotate({ caCert, caKey, certExpiry }: CaOptions): void {
  const given = { '--ca-cert': caCert, '--ca-key': caKey, '--cert-expiry': certExpiry };
  const [flag] = Object.entries(given).find(([, value]) => value !== undefined) ?? [];
  if (flag === undefined) return;
  const hint =
    flag === '--cert-expiry' ? '"gantry cluster update --cert-expiry" sets it without a rotation' : 'add --rotate';
  throw new CliError(`${flag} is only for --rotate`, { hint });
}

function rotateRequest(cli: Cli, { caCert, caKey, certExpiry }: CaOptions) {
  if ((caCert === undefined) !== (caKey === undefined)) {
    throw new CliError('--ca-cert and --ca-key go together', { hint: 'give both, or neither to have a root made' });
  }
  const text = (file: string | undefined) => (file === undefined ? '' : readFileSync(resolve(cli.cwd, file), 'utf8'));
  return { certificate: text(caCert), key: text(caKey), nodeCertExpiryMs: certExpiry };
}
