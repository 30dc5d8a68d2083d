/** Token servers that lie, stall or send garbage: an error that names the image and whom was asked, and nothing left. */
import { afterEach, beforeEach, describe, it } from 'vitest';
import { isRoot } from '../image/testing/fixtures.ts';
import { refuse } from './testing/fake-registry.ts';
import { type Answer, CREDENTIALS, HEAD, LyingRegistry } from './testing/lying-registry.ts';
import { drip, flood } from './testing/raw-answers.ts';

let lying: LyingRegistry;
beforeEach(async () => {
  lying = await LyingRegistry.open();
});
afterEach(() => lying.dispose());

describe.runIf(isRoot)('a token server that', () => {
  const token = (how: Answer) => {
    lying.registry.login = { scheme: 'bearer', ...CREDENTIALS };
    lying.answer('/token', how);
  };
  const says =
    (body: string): Answer =>
    (_, to) =>
      void to.writeHead(200).end(body);

  it.each<[string, Answer, string, RegExp]>([
    ['sends a page', says('<html>'), 'INVALID_ARGUMENT', /app:1: asking .* for a token for .*: the answer is not JSON/],
    ['sends nothing', says(''), 'INVALID_ARGUMENT', /app:1: asking .*the answer is not JSON/],
    ['sends no token', says('{}'), 'INVALID_ARGUMENT', /app:1: asking .*token or access_token is not a string/],
    ['sends a number', says('{"token":5}'), 'INVALID_ARGUMENT', /app:1: asking .*token is not a string/],
    [
      'sends headers in a token',
      says('{"token":"a\\r\\nx: y"}'),
      'INVALID_ARGUMENT',
      /app:1: asking .*the token is not one/,
    ],
    ['sends an empty token', says('{"token":""}'), 'INVALID_ARGUMENT', /app:1: asking .*the token is not one/],
    [
      'sends a life that is none',
      says('{"token":"x","expires_in":-1}'),
      'INVALID_ARGUMENT',
      /app:1: asking .*expires_in/,
    ],
    [
      'sends tokens that are worth nothing',
      says('{"token":"x","expires_in":0}'),
      'PERMISSION_DENIED',
      /pull access denied for .*app/,
    ],
    [
      'sends a token without end',
      (to) => flood(to, `${HEAD}\r\n`, 'x'.repeat(65_536)),
      'INVALID_ARGUMENT',
      /app:1: the token of .* is larger than the 1 MiB/,
    ],
    [
      'sends a large token',
      says(JSON.stringify({ token: 'x'.repeat(500_000) })),
      'INVALID_ARGUMENT',
      /app:1: .*HTTP status 431/,
    ],
    ['stalls', () => undefined, 'UNAVAILABLE', /app:1: .*has stalled/],
    ['drips', (to) => drip(to, `${HEAD}\r\n`, ' '), 'UNAVAILABLE', /app:1: .*has stalled/],
    [
      'redirects in circles',
      (to, response) => void response.writeHead(302, { location: `${to.url}` }).end(),
      'UNAVAILABLE',
      /app:1: .*redirects in circles/,
    ],
    [
      'wants to be asked elsewhere',
      (_, to) => {
        to.setHeader('www-authenticate', 'Bearer realm="http://127.0.0.1:1/"');
        refuse(to, 401, 'UNAUTHORIZED', 'no');
      },
      'PERMISSION_DENIED',
      /pull access denied for .*app/,
    ],
    ['breaks off', (to) => to.socket.destroy(), 'UNAVAILABLE', /app:1: .*broke off/],
  ])('%s is told of with its image, and leaves nothing', async (_, how, code, message) => {
    token(how);
    await lying.expectFailure(code, message, CREDENTIALS);
  });

  it.each([
    ['a file', 'file:///etc/passwd'],
    ['nothing', ''],
    ['noise', 'http://['],
    ['a script', 'javascript:alert(1)'],
  ])('is said to be %s is not asked', async (_, realm) => {
    lying.registry.misbehave = (_request, response) => {
      response.setHeader('www-authenticate', `Bearer realm="${realm}"`);
      refuse(response, 401, 'UNAUTHORIZED', 'authentication required');
      return true;
    };
    await lying.expectFailure(
      'HOST',
      /app:1: .* names (no URL of a token server|a token server that is reached by neither)/,
      CREDENTIALS,
    );
  });
});
