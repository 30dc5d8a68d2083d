/** The part of Docker's config.json that is about logins: auths, credHelpers, credsStore. Pure. */
import type { RegistryCredentials } from '../../proto/generated/gantry/v1/engine.ts';
import { CliError } from '../failure.ts';
import { serverDomain, serverKey } from './registry-server.ts';

type Settings = Readonly<Record<string, unknown>>;

/** What a helper names as the user of an identity token. */
export const TOKEN_USER = '<token>';

/** The name of the helper that keeps a domain's credentials: "pass" is docker-credential-pass. */
export function helperFor(settings: Settings, domain: string): string | undefined {
  const own = asSettings(settings.credHelpers)[serverKey(domain)] ?? asSettings(settings.credHelpers)[domain];
  const name = own ?? settings.credsStore;
  return typeof name === 'string' && name !== '' ? name : undefined;
}

/** With a helper, too: Docker leaves an empty entry then. */
export function loggedInDomains(settings: Settings): readonly string[] {
  return [...Object.keys(asSettings(settings.auths)), ...Object.keys(asSettings(settings.credHelpers))].map(
    serverDomain,
  );
}

/** What stands in the file itself. `path` is for errors. */
export function storedCredentials(settings: Settings, domain: string, path: string): RegistryCredentials | undefined {
  const auths = asSettings(settings.auths);
  // Docker has had keys with schemes and paths.
  const key =
    serverKey(domain) in auths ? serverKey(domain) : Object.keys(auths).find((one) => serverDomain(one) === domain);
  const entry = key === undefined ? undefined : asSettings(auths[key]);
  if (entry === undefined) return undefined;
  const credentials = {
    ...(text(entry.auth) === ''
      ? { username: text(entry.username), password: text(entry.password) }
      : decode(entry, path)),
    identityToken: text(entry.identitytoken),
    registryToken: text(entry.registrytoken),
  };
  return Object.values(credentials).every((value) => value === '') ? undefined : credentials;
}

/** The settings' auths with a further entry. */
export function withCredentials(settings: Settings, domain: string, credentials: RegistryCredentials): Settings {
  const { username, password, identityToken } = credentials;
  const auth = Buffer.from(`${username}:${password}`).toString('base64');
  const entry = identityToken === '' ? { auth } : { auth, identitytoken: identityToken };
  return { ...asSettings(settings.auths), [serverKey(domain)]: entry };
}

/** The settings' auths with a note that a helper has the domain's, as Docker leaves one. */
export function withEmptyEntry(settings: Settings, domain: string): Settings {
  return { ...asSettings(settings.auths), [serverKey(domain)]: {} };
}

/** The settings' auths without those of a domain; undefined when there are none. */
export function withoutCredentials(settings: Settings, domain: string): Settings | undefined {
  const auths = Object.entries(asSettings(settings.auths));
  const rest = auths.filter(([key]) => serverDomain(key) !== domain);
  return rest.length === auths.length ? undefined : Object.fromEntries(rest);
}

function decode(entry: Settings, path: string): { username: string; password: string } {
  const decoded = Buffer.from(text(entry.auth), 'base64').toString();
  const colon = decoded.indexOf(':');
  if (colon < 1) throw new CliError(`${path}: "auth" is not "USER:PASSWORD" in base64`, { hint: 'log in again' });
  // Docker has written a NUL byte behind passwords.
  return { username: decoded.slice(0, colon), password: decoded.slice(colon + 1).replace(/\0+$/, '') };
}

function asSettings(value: unknown): Settings {
  return typeof value === 'object' && value !== null ? (value as Settings) : {};
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
