/** Commands that take several references do what they can and fail at the end, as Docker's do. */
import { type Cli, complain, printLine } from './cli.ts';
import { EXIT, failureText, isGantryError } from './failure.ts';

/**
 * Runs the action for each reference in turn and prints what it gives back. An error about one reference is
 * printed and the others are still done; an unreachable daemon ends it.
 */
export async function forEach(
  cli: Cli,
  references: readonly string[],
  action: (reference: string) => Promise<string>,
): Promise<void> {
  for (const reference of references) {
    try {
      const line = await action(reference);
      if (line !== '') await printLine(cli, line);
    } catch (error) {
      if (!isGantryError(error) || error.code === 'UNAVAILABLE') throw error;
      await complain(cli, `gantry: ${failureText(error)}`);
      cli.exitCode = EXIT.failed;
    }
  }
}
