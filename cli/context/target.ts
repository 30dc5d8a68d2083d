/** Which daemon a command is for, in Docker's order: flags, environment, the current context, the local socket. */
import { CliError, EXIT } from '../failure.ts';
import type { GlobalOptions, TlsFiles } from '../global-options.ts';

/** As in proto/address.ts, which isn't loaded for help alone. */
export const LOCAL_HOST = 'unix:///run/gantry/gantry.sock';

export const DEFAULT_CONTEXT = 'default';

export type Target =
  | { readonly kind: 'host'; readonly host: string; readonly tls: TlsFiles }
  | { readonly kind: 'context'; readonly name: string };

type Environment = Readonly<Record<string, string | undefined>>;

/** `current`: the context in use; asked for only when nothing else decides. */
export function chooseTarget(
  { host, context, tls }: Pick<GlobalOptions, 'host' | 'context' | 'tls'>,
  env: Environment,
  current: () => string,
): Target {
  if (host !== undefined && context !== undefined) {
    throw refused('--host and --context each name a daemon', 'give one of them');
  }
  const name = chooseContext(host, context, env, current);
  if (name === DEFAULT_CONTEXT) return hostTarget(host ?? (env.GANTRY_HOST || LOCAL_HOST), tls, env);
  if (isGiven(tls)) throw refused(`context ${name} has certificates of its own`, 'give --tls… flags with --host');
  return { kind: 'context', name };
}

/** The default one is the host that the environment names, or the local socket. */
function chooseContext(
  host: string | undefined,
  context: string | undefined,
  env: Environment,
  current: () => string,
): string {
  if (context !== undefined) return context;
  if (host !== undefined || env.GANTRY_HOST) return DEFAULT_CONTEXT;
  return env.GANTRY_CONTEXT || current();
}

function hostTarget(host: string, flags: TlsFiles, env: Environment): Target {
  if (!host.startsWith('tcp://')) {
    if (isGiven(flags)) throw refused(`${host} is reached without certificates`, 'leave out the --tls… flags');
    return { kind: 'host', host, tls: flags };
  }
  const directory = env.GANTRY_CERT_PATH;
  if (!directory) return { kind: 'host', host, tls: flags };
  const { ca = `${directory}/ca.pem`, cert = `${directory}/cert.pem`, key = `${directory}/key.pem` } = flags;
  return { kind: 'host', host, tls: { ca, cert, key } };
}

function isGiven({ ca, cert, key }: TlsFiles): boolean {
  return ca !== undefined || cert !== undefined || key !== undefined;
}

function refused(message: string, hint: string): CliError {
  return new CliError(message, { hint, exitCode: EXIT.refused });
}
