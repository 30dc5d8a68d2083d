/** A service taken back to what it was before its last update. */
import { ControlClient } from '../../../proto/generated/gantry/v1/control.ts';
import { type Cli, printLine } from '../../cli.ts';
import { ask, withClient } from '../../connection.ts';
import { readService, type WaitOptions, waitForService } from './change-service.ts';

export async function rollBack(cli: Cli, reference: string, wait: WaitOptions): Promise<void> {
  await withClient(ControlClient, cli, async (control) => {
    const before = await readService(control, reference);
    await ask(control, control.serviceRollback, { reference: before.id });
    await printLine(cli, reference);
    await waitForService(cli, control, before, wait);
  });
}
