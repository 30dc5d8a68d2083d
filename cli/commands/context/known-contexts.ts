/** The user's contexts with what is wrong with them, and the default one. */
import type { Cli } from '../../cli.ts';
import type { Context } from '../../context/context.ts';
import { contextName } from '../../context/daemon.ts';
import { DEFAULT_CONTEXT, LOCAL_HOST } from '../../context/target.ts';
import { failureText } from '../../failure.ts';
import { humanDuration } from '../../format/duration.ts';
import type { ContextSummary } from '../../format/rows/context-row.ts';

export function defaultContext({ env }: Pick<Cli, 'env'>): Context {
  const description = 'Current GANTRY_HOST based configuration';
  return { name: DEFAULT_CONTEXT, description, hosts: [env.GANTRY_HOST || LOCAL_HOST], identity: undefined };
}

export async function contextSummaries(cli: Cli): Promise<ContextSummary[]> {
  const inUse = contextName(cli);
  const own = { ...defaultContext(cli), isCurrent: inUse === DEFAULT_CONTEXT, error: '' };
  const others = cli
    .contexts()
    .names()
    .map((name) => summary(cli, name, inUse === name));
  return [own, ...(await Promise.all(others))];
}

async function summary(cli: Cli, name: string, isCurrent: boolean): Promise<ContextSummary> {
  try {
    const context = cli.contexts().load(name);
    return { ...context, isCurrent, error: await problemOf(context, cli.nowMs()) };
  } catch (error) {
    return { name, description: '', hosts: [], isCurrent, error: failureText(error) };
  }
}

async function problemOf({ identity }: Context, nowMs: number): Promise<string> {
  if (identity === undefined) return '';
  const { ownClient } = await import('../../../proto/client-certificate.ts');
  const { expiresAtMs } = ownClient(identity.certPem);
  return expiresAtMs > nowMs ? '' : `the certificate expired ${humanDuration(nowMs - expiresAtMs)} ago`;
}
