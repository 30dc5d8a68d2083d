/**
 * The user's logins at registries: of `gantry login`, in the directory of the contexts; and of `docker login`, in
 * ~/.docker or DOCKER_CONFIG, which are read and never written.
 */
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { RegistryCredentials } from '../../proto/generated/gantry/v1/engine.ts';
import { type Cli, complain } from '../cli.ts';
import { failureText } from '../failure.ts';
import {
  helperFor,
  loggedInDomains,
  storedCredentials,
  withCredentials,
  withEmptyEntry,
  withoutCredentials,
} from './auth-config.ts';
import { CredentialHelper } from './credential-helper.ts';
import { imageDomain, serverKey } from './registry-server.ts';

interface Source {
  readonly path: string;
  readonly settings: Readonly<Record<string, unknown>>;
}

/** For an image; undefined for nobody. What can't be read is said, and nobody it is then: the image may be for all. */
export async function credentialsForImage(cli: Cli, image: string): Promise<RegistryCredentials | undefined> {
  const domain = imageDomain(image);
  try {
    return await findCredentials(cli, domain);
  } catch (error) {
    await complain(cli, `gantry: warning: without credentials for ${domain}: ${failureText(error)}`);
    return undefined;
  }
}

/** By domain, of all registries that the user has logged in to: a build may need any. */
export async function allCredentials(cli: Cli): Promise<Record<string, RegistryCredentials>> {
  const found: Record<string, RegistryCredentials> = {};
  for (const domain of new Set(
    [ownSource(cli), dockerSource(cli)].flatMap(({ settings }) => loggedInDomains(settings)),
  )) {
    try {
      const credentials = await findCredentials(cli, domain);
      if (credentials !== undefined) found[domain] = credentials;
    } catch (error) {
      await complain(cli, `gantry: warning: without credentials for ${domain}: ${failureText(error)}`);
    }
  }
  return found;
}

/** Those of `gantry login` first. */
export async function findCredentials(cli: Cli, domain: string): Promise<RegistryCredentials | undefined> {
  for (const { settings, path } of [ownSource(cli), dockerSource(cli)]) {
    const stored = storedCredentials(settings, domain, path);
    if (stored !== undefined) return stored;
    const helper = helperFor(settings, domain);
    const kept = helper && (await new CredentialHelper(helper, cli.env).get(serverKey(domain)));
    if (kept) return kept;
  }
  return undefined;
}

/** Gives back the path of the file that now has the secret in clear text; undefined when a helper keeps it. */
export async function saveCredentials(
  cli: Cli,
  domain: string,
  credentials: RegistryCredentials,
): Promise<string | undefined> {
  const { settings, path } = ownSource(cli);
  const helper = helperFor(settings, domain);
  if (helper !== undefined) {
    await new CredentialHelper(helper, cli.env).store(serverKey(domain), credentials);
    cli.contexts().changeSettings({ auths: withEmptyEntry(settings, domain) });
    return undefined;
  }
  cli.contexts().changeSettings({ auths: withCredentials(settings, domain, credentials) });
  return path;
}

/** Those of `gantry login` alone. */
export async function eraseCredentials(cli: Cli, domain: string): Promise<'erased' | 'none' | 'of docker'> {
  const { settings } = ownSource(cli);
  const helper = helperFor(settings, domain);
  const kept = helper === undefined ? undefined : new CredentialHelper(helper, cli.env);
  const isKept = (await kept?.get(serverKey(domain))) !== undefined;
  if (isKept) await kept?.erase(serverKey(domain));
  const auths = withoutCredentials(settings, domain);
  if (auths !== undefined) cli.contexts().changeSettings({ auths });
  if (auths !== undefined || isKept) return 'erased';
  return (await findCredentials(cli, domain)) === undefined ? 'none' : 'of docker';
}

function ownSource(cli: Cli): Source {
  const contexts = cli.contexts();
  return { path: contexts.configPath, settings: contexts.settings() };
}

function dockerSource({ env }: Cli): Source {
  const path = join(env.DOCKER_CONFIG || join(env.HOME || homedir(), '.docker'), 'config.json');
  try {
    const value: unknown = JSON.parse(readFileSync(path, 'utf8'));
    return { path, settings: typeof value === 'object' && value !== null ? (value as Source['settings']) : {} };
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return { path, settings: {} };
    throw error;
  }
}
