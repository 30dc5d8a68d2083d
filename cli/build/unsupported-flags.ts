/** Flags of docker's `build` that say what is so anyway, and those that are refused. */
import type { Command } from 'commander';
import { refuse } from '../command-line.ts';
import { CliError, EXIT } from '../failure.ts';

const NEEDLESS = ['--rm', '--force-rm', '--compress'];

/** Attestations are never made: saying so is fine. */
const ATTESTATIONS = ['--attest', '--provenance', '--sbom'];

const UNSUPPORTED: readonly (readonly [string, string])[] = [
  ['--allow <entitlement>', 'leave it out: steps are isolated as containers are'],
  ['--builder <name>', 'choose the host with -H or --context'],
  ['--cgroup-parent <path>', 'leave it out'],
  ['--cpu-period <us>', 'leave it out: steps share the host with what else runs there'],
  ['--cpu-quota <us>', 'leave it out: steps share the host with what else runs there'],
  ['-c, --cpu-shares <number>', 'leave it out: steps share the host with what else runs there'],
  ['--cpuset-cpus <list>', 'leave it out: steps share the host with what else runs there'],
  ['--cpuset-mems <list>', 'leave it out: steps share the host with what else runs there'],
  ['--disable-content-trust', 'leave it out'],
  ['--isolation <technology>', 'leave it out'],
  ['-m, --memory <size>', 'leave it out: steps share the host with what else runs there'],
  ['--memory-swap <size>', 'leave it out: steps share the host with what else runs there'],
  ['--security-opt <option>', 'leave it out: steps are isolated as containers are'],
  ['--squash', 'build in several stages and COPY --from the last'],
];

export function declareUnsupported(command: Command): void {
  for (const flags of NEEDLESS) command.addOption(command.createOption(flags, 'always so').hideHelp());
  for (const flag of ATTESTATIONS) {
    command.addOption(command.createOption(`${flag} [attestation]`, 'not supported').hideHelp());
    command.on(`option:${flag.slice(2)}`, (value: string | null) => refuseAttestation(flag, value ?? ''));
  }
  for (const [flags, hint] of UNSUPPORTED) refuse(command, flags, hint);
}

/** `--provenance=false` and `--attest type=sbom,disabled=true` are what is so anyway. */
function refuseAttestation(flag: string, value: string): void {
  if (value === 'false' || /(?:^|,)disabled=true(?:,|$)/.test(value)) return;
  throw new CliError(`${flag} is not supported: images have no attestations`, {
    hint: 'leave it out',
    exitCode: EXIT.refused,
  });
}
