import type { Command } from 'commander';
import { fromServiceError } from '../../../proto/errors.ts';
import { ControlClient, type NetworkDoctorResponse } from '../../../proto/generated/gantry/v1/control.ts';
import {
  EngineClient,
  type NetworkCheckResponse,
  type NetworkFinding,
} from '../../../proto/generated/gantry/v1/engine.ts';
import { type Cli, complain, print } from '../../cli.ts';
import { ask, withClient } from '../../connection.ts';
import { EXIT, failureText, isGantryError } from '../../failure.ts';
import { renderListing } from '../../format/listing.ts';
import { FINDING_LISTING, findingRow } from '../../format/rows/finding-row.ts';

interface DoctorOptions {
  readonly format?: string;
}

export function define(command: Command, cli: Cli): void {
  command
    .option('--format <template>', "'table', 'table TEMPLATE', 'json' or a Go template")
    .action(async ({ format }: DoctorOptions) => {
      const { findings, checked } = await diagnose(cli);
      if (findings.length > 0) cli.exitCode = EXIT.failed;
      if (format !== undefined || findings.length > 0) {
        await print(cli, renderListing(FINDING_LISTING, findings.map(findingRow), { format, quiet: false }));
      } else {
        await print(cli, `All is well: ${checked.join(', ')}\n`);
      }
    });
}

/** All nodes of the cluster, or this host when it is in none. */
async function diagnose(cli: Cli): Promise<NetworkDoctorResponse> {
  try {
    return await withClient(ControlClient, cli, (control) => ask(control, control.networkDoctor, {}));
  } catch (error) {
    if (!isGantryError(error)) throw error;
    if (!['NOT_IN_CLUSTER', 'NOT_A_MANAGER', 'UNAVAILABLE'].includes(error.code)) throw error;
    const answer = await hostAlone(cli);
    if (error.code === 'NOT_IN_CLUSTER') return answer;
    const why = error.code === 'NOT_A_MANAGER' ? 'run it on a manager for all nodes' : failureText(error);
    await complain(cli, `gantry: only this host is checked; ${why}`);
    return error.code === 'NOT_A_MANAGER'
      ? answer
      : { ...answer, findings: [...answer.findings, noManager(error.message)] };
  }
}

function noManager(message: string): NetworkFinding {
  const hint = 'see whether most managers are on, and reach each other at TCP port 2377';
  return { node: '', peer: '', subject: 'tcp', message: `no manager answers: ${message}`, hint };
}

function hostAlone(cli: Cli): Promise<NetworkDoctorResponse> {
  return withClient(
    EngineClient,
    cli,
    (engine) =>
      new Promise((resolve, reject) => {
        const call = engine.networkCheck();
        call.on('error', (error) => reject(fromServiceError(error)));
        call.on('data', ({ answer }: NetworkCheckResponse) => {
          if (answer?.$case === 'started') resolve({ findings: answer.value.findings, checked: ['this host'] });
        });
        call.on('end', () => reject(new Error('gantryd ended the check early')));
        call.write({ step: { $case: 'start', value: { ownAddress: '', peers: [], vni: 0, encrypts: false } } });
        call.end();
      }),
  );
}
