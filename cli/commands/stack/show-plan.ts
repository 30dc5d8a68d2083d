/** Prints what a deployment would change. */
import type { Command } from 'commander';
import type { StackDeployResponse } from '../../../proto/generated/gantry/v1/control.ts';
import { type Cli, print } from '../../cli.ts';
import type { LoadedStack } from '../../compose/load-stack.ts';
import { oneOf } from '../../options/words.ts';
import { type Plan, planJson, planText } from './plan-text.ts';

export type PlanFormat = 'text' | 'json';

export function declarePlanFormat(command: Command): Command {
  return command.option('--format <format>', 'text or json (default: text)', oneOf('--format', FORMATS));
}

const FORMATS = { text: 'text', json: 'json' } as const;

export async function showPlan(cli: Cli, plan: Plan, format: PlanFormat = 'text'): Promise<void> {
  await print(cli, format === 'json' ? planJson(plan) : planText(plan));
}

/** `toBuild`: images that would be built. */
export function planOf(
  { changes, leftOverServices }: StackDeployResponse,
  { services }: LoadedStack,
  toBuild: readonly string[],
): Plan {
  const builtServices = services.flatMap(({ fullName, image }) => (toBuild.includes(image) ? [fullName] : []));
  return { changes, leftOverServices, builtServices };
}
