/** Does what a plan of a stack says, step by step, in a transaction. */
import { ChangeKind } from '../../proto/generated/gantry/v1/control.ts';
import { startService } from '../orchestrator/stop/stopping.ts';
import { awaiting, type ServiceObject } from '../store/service.ts';
import type { WriteTransaction } from '../store/transaction.ts';
import { asFarAsKnown } from './known-format.ts';
import type { NewVersion, PlanStep } from './plan-step.ts';

export interface How {
  readonly nowMs: number;
  readonly leaveStopped: boolean;
  /** Names of services that what starts doesn't wait for. */
  readonly leftOut: ReadonlySet<string>;
}

export function runStep(tx: WriteTransaction, step: PlanStep, how: How): void {
  if (step.change === ChangeKind.UNCHANGED) return;
  if ('replaces' in step) runNewVersion(tx, step);
  else if (step.change === ChangeKind.CREATE) tx.create(step.kind, step.object);
  else if (step.kind === 'service') updateService(tx, step.object, how);
  else tx.update(step.kind, step.object);
}

/** What is deployed runs, unless it is to be left as it is. */
function updateService(tx: WriteTransaction, service: ServiceObject, { nowMs, leaveStopped, leftOut }: How): void {
  const updated = tx.update('service', asFarAsKnown(tx, service));
  if (!updated.stopped || leaveStopped || updated.pendingDelete) return;
  startService(tx, updated, nowMs, awaiting(updated.spec, leftOut));
}

/** The old one gives up the name first. */
function runNewVersion(tx: WriteTransaction, { kind, object, replaces }: NewVersion): void {
  tx.update(kind, replaces);
  if ('meta' in object) tx.update(kind, object);
  else tx.create(kind, object);
}
