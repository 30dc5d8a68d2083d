/** How far a rotation of the cluster's authority is, shown until it is done. */
import { setTimeout as delay } from 'node:timers/promises';
import type { ClusterCaResponse, ControlClient } from '../../../proto/generated/gantry/v1/control.ts';
import type { Cli } from '../../cli.ts';
import { ask } from '../../connection.ts';
import { failureText, isGantryError } from '../../failure.ts';
import { createProgress, type Progress, type ProgressLine } from '../../terminal/progress.ts';

const PERIOD_MS = 200;
/** A cluster that elects a leader takes a second or two; one that is silent for so long has another problem. */
const PATIENCE_MS = 30_000;
/** As many names fit a line. */
const MAX_NAMES = 3;

/** Until all nodes trust the root of that digest alone, or that of a later rotation. Interrupting it stops only the looking. */
export async function showRotation(cli: Cli, control: ControlClient, digest: string, quiet: boolean): Promise<void> {
  const progress = createProgress(cli.stdout, quiet);
  let desired = digest;
  try {
    for (;;) {
      const status = await statusOf(control, progress);
      if (status.desiredDigest !== desired)
        progress.show([{ name: 'rotation', text: 'another one has taken its place' }]);
      desired = status.desiredDigest;
      progress.show(rotationLines(status));
      if (!status.rotating && status.rotatedRoots === status.nodes) return;
      await delay(PERIOD_MS);
    }
  } finally {
    progress.end();
  }
}

async function statusOf(control: ControlClient, progress: Progress): Promise<ClusterCaResponse> {
  const patientUntilMs = performance.now() + PATIENCE_MS;
  for (;;) {
    try {
      return await ask(control, control.clusterCa, {});
    } catch (error) {
      const isLost = isGantryError(error) && (error.temporary || error.cause !== undefined);
      if (!isLost || performance.now() > patientUntilMs) throw error;
      progress.show([{ name: 'rotation', text: `it goes on; waiting for a manager: ${failureText(error)}` }]);
    }
    await delay(PERIOD_MS);
  }
}

/** As Docker names them; and whom it waits for. */
export function rotationLines(status: ClusterCaResponse): ProgressLine[] {
  const { desiredDigest, nodes, rotatedCertificates, rotatedRoots, waiting } = status;
  const of = (count: number) => `${count}/${nodes} nodes`;
  const lines = [
    { name: 'desired root digest', text: desiredDigest },
    { name: 'rotated TLS certificates', text: of(rotatedCertificates) },
    { name: 'rotated CA certificates', text: of(rotatedRoots) },
  ];
  return waiting.length === 0 ? lines : [...lines, { name: 'waiting for', text: waitingText(status) }];
}

function waitingText({ waiting, rotating, nodes, rotatedCertificates, rotatedRoots }: ClusterCaResponse): string {
  const named = waiting.slice(0, MAX_NAMES);
  const others = nodes - (rotating ? rotatedCertificates : rotatedRoots) - named.length;
  const names = named.map(({ name, reason }) => `${name} (${reason})`);
  return [...names, ...(others > 0 ? [`${others} more`] : [])].join(', ');
}
