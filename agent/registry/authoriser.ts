/**
 * The header Authorization for one registry: Basic, or Bearer with tokens of the server that its challenge names
 * (distribution's "Token Authentication" and "OAuth2 Token Authentication"), made new as they expire.
 */
import { GantryError, toGantryError } from '../../proto/errors.ts';
import type { RegistryCredentials } from '../../proto/generated/gantry/v1/engine.ts';
import { asCount, asObject, asString, optional, parseJson } from '../image/json-fields.ts';
import { readBounded, readStart } from './bounded-body.ts';
import { type Challenge, parseChallenges } from './challenge.ts';
import type { HttpRequest, HttpResponse, HttpTransport, RequestBody } from './http-transport.ts';
import { printable, RegistryRefusal, readRefusal } from './refusal.ts';
import { type RetryClock, withRetries } from './retry.ts';

export interface AuthoriserOptions {
  readonly host: string;
  readonly transport: HttpTransport;
  /** Undefined for nobody. */
  readonly credentials: RegistryCredentials | undefined;
  /** Whether secrets may go to a token server over plain HTTP: the registry itself is reached so. */
  readonly allowsPlainHttp: boolean;
  readonly clock: RetryClock;
}

interface Token {
  readonly header: string;
  readonly expiresAtMs: number;
}

const CLIENT_ID = 'gantry';
const MAX_TOKEN_BYTES = 1 << 20;
/** By the specification, where the server doesn't say. */
const DEFAULT_LIFE_S = 60;
/** A token must outlive its way. */
const MARGIN_MS = 5_000;

export class Authoriser {
  readonly #options: AuthoriserOptions;
  readonly #tokens = new Map<string, Promise<Token>>();
  #challenges: readonly Challenge[] = [];

  constructor(options: AuthoriserOptions) {
    this.#options = options;
  }

  /** Takes note of what an answer 401 asks for. False when it doesn't ask for anything that can be shown. */
  learn(response: Pick<HttpResponse, 'headers'>): boolean {
    const challenges = parseChallenges(response.headers['www-authenticate'] ?? '');
    if (challenges.length > 0) this.#challenges = challenges;
    this.#tokens.clear();
    return challenges.length > 0;
  }

  /** Undefined when nothing is asked for, or there is nothing to show. `scopes`: "repository:NAME:pull". */
  async header(scopes: readonly string[], signal: AbortSignal): Promise<string | undefined> {
    const { credentials } = this.#options;
    if (credentials !== undefined && credentials.registryToken !== '') return `Bearer ${credentials.registryToken}`;
    const bearer = this.#challenges.find(({ scheme }) => scheme === 'bearer');
    if (bearer !== undefined) return (await this.#token(bearer, scopes, signal)).header;
    const isBasic = this.#challenges.some(({ scheme }) => scheme === 'basic');
    return isBasic && credentials !== undefined ? basicHeader(credentials) : undefined;
  }

  async #token(challenge: Challenge, scopes: readonly string[], signal: AbortSignal): Promise<Token> {
    const key = scopes.join(' ');
    const known = await this.#tokens.get(key)?.catch(() => undefined);
    if (known !== undefined && known.expiresAtMs > this.#options.clock.now()) return known;
    const asked = this.#request(challenge, scopes, signal);
    this.#tokens.set(key, asked);
    return await asked;
  }

  async #request(challenge: Challenge, scopes: readonly string[], signal: AbortSignal): Promise<Token> {
    const { transport, host, clock, credentials } = this.#options;
    const request = tokenRequest(this.#realm(challenge), challenge, scopes, credentials, signal);
    const what = `asking ${request.url.host} for a token for ${host}`;
    const send = async () => {
      const response = await transport.send(request);
      if (response.status !== 200) throw await this.#refusal(response, what);
      return parseToken(await readBounded(response, MAX_TOKEN_BYTES, `the token of ${request.url.host}`), what);
    };
    const { token, lifeS } = await withRetries(send, { clock, signal });
    return { header: `Bearer ${token}`, expiresAtMs: clock.now() + lifeS * 1000 - MARGIN_MS };
  }

  async #refusal(response: HttpResponse, what: string): Promise<GantryError> {
    const body = await readStart(response, MAX_TOKEN_BYTES);
    const answer = readRefusal(response.status, response.headers, body, this.#options.clock.now());
    // What token servers say of it is of any form: none is more than this.
    const isDenied = answer.codes.length === 0 && (response.status === 401 || response.status === 403);
    const reason = isDenied ? 'unauthorized: incorrect username or password' : answer.reason;
    return new RegistryRefusal(what, { ...answer, reason });
  }

  #realm({ parameters: { realm = '' } }: Challenge): URL {
    const { host, allowsPlainHttp } = this.#options;
    const url = URL.canParse(realm) ? new URL(realm) : undefined;
    if (url?.protocol === 'https:' || (url?.protocol === 'http:' && allowsPlainHttp)) return url;
    throw new GantryError('HOST', `${host} names ${wrongRealm(url)}`, {
      hint: 'this is a fault of the registry: ask its owner',
    });
  }
}

function wrongRealm(url: URL | undefined): string {
  if (url === undefined) return 'no URL of a token server';
  if (url.protocol === 'http:') return `a token server without TLS, ${url.host}`;
  return `a token server that is reached by neither http nor https but ${printable(url.protocol)}`;
}

function tokenRequest(
  realm: URL,
  { parameters: { service = '' } }: Challenge,
  scopes: readonly string[],
  credentials: RegistryCredentials | undefined,
  signal: AbortSignal,
): HttpRequest {
  if (credentials !== undefined && credentials.identityToken !== '') {
    const form = new URLSearchParams({
      grant_type: 'refresh_token',
      service,
      client_id: CLIENT_ID,
      scope: scopes.join(' '),
      refresh_token: credentials.identityToken,
    });
    const data = Buffer.from(form.toString());
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    return { method: 'POST', url: realm, headers, body: bytesBody(data, 'the host alone'), signal };
  }
  const url = new URL(realm);
  if (service !== '') url.searchParams.set('service', service);
  for (const scope of scopes) url.searchParams.append('scope', scope);
  if (credentials === undefined || credentials.username === '') return { method: 'GET', url, headers: {}, signal };
  url.searchParams.set('account', credentials.username);
  return { method: 'GET', url, headers: { authorization: basicHeader(credentials) }, signal };
}

export function bytesBody(data: Uint8Array, audience: RequestBody['audience']): RequestBody {
  return {
    length: data.length,
    audience,
    open: async function* () {
      yield data;
    },
  };
}

function basicHeader({ username, password }: RegistryCredentials): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}

function parseToken(body: Buffer, what: string): { token: string; lifeS: number } {
  try {
    const fields = asObject(parseJson(body, 'the answer'), 'the answer');
    const token =
      optional(fields.token, 'token', asString) ?? asString(fields.access_token, 'the field token or access_token');
    // A header with line ends would be another request.
    if (!/^[\x21-\x7e]+$/.test(token)) throw new GantryError('INVALID_ARGUMENT', 'the token is not one');
    return { token, lifeS: optional(fields.expires_in, 'expires_in', asCount) ?? DEFAULT_LIFE_S };
  } catch (error) {
    throw new GantryError('INVALID_ARGUMENT', `${what}: ${toGantryError(error).message}`, { cause: error });
  }
}
