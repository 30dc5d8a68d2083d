/** What a registry wants to see of a client: the header WWW-Authenticate (RFC 9110, 11.6.1). Pure. */

export interface Challenge {
  /** In lower case: "bearer", "basic". */
  readonly scheme: string;
  readonly parameters: Readonly<Record<string, string>>;
}

const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const PARAMETER = new RegExp(`^\\s*(${TOKEN})\\s*=\\s*(?:"((?:[^"\\\\]|\\\\.)*)"|(${TOKEN}))\\s*`);
const SCHEME = new RegExp(`^[\\s,]*(${TOKEN})(?=\\s|,|$)`);

/** All challenges of a header's value, which may hold several; what can't be read ends the list. */
export function parseChallenges(header: string): readonly Challenge[] {
  const challenges: Challenge[] = [];
  let rest = header;
  for (let scheme = SCHEME.exec(rest); scheme !== null; scheme = SCHEME.exec(rest)) {
    rest = rest.slice(scheme[0].length);
    const parameters: [string, string][] = [];
    for (let found = PARAMETER.exec(rest); found !== null; found = PARAMETER.exec(rest)) {
      const [all, name = '', quoted, plain] = found;
      parameters.push([name.toLowerCase(), quoted?.replace(/\\(.)/g, '$1') ?? plain ?? '']);
      rest = rest.slice(all.length);
      if (!rest.startsWith(',')) break;
      rest = rest.slice(1);
    }
    challenges.push({ scheme: (scheme[1] ?? '').toLowerCase(), parameters: Object.fromEntries(parameters) });
  }
  return challenges;
}
