/** Docker's credential helpers: programs docker-credential-NAME that keep secrets, such as a keyring. */
import { spawn } from 'node:child_process';
import type { RegistryCredentials } from '../../proto/generated/gantry/v1/engine.ts';
import { CliError } from '../failure.ts';
import { TOKEN_USER } from './auth-config.ts';

type Environment = Readonly<Record<string, string | undefined>>;

export class CredentialHelper {
  readonly #program: string;
  readonly #env: Environment;

  constructor(name: string, env: Environment) {
    // A name, not a path: the file may be others'.
    if (!/^[A-Za-z0-9._-]+$/.test(name)) throw new CliError(`"${name}" is no name of a credential helper`);
    this.#program = `docker-credential-${name}`;
    this.#env = env;
  }

  /** Undefined when it has none for the server. */
  async get(server: string): Promise<RegistryCredentials | undefined> {
    const { code, output } = await this.#run('get', server);
    if (code !== 0 && /credentials not found/i.test(output)) return undefined;
    if (code !== 0) throw this.#failure('get', output);
    const { username, secret } = this.#parse(output);
    const isToken = username === TOKEN_USER;
    return {
      username: isToken ? '' : username,
      password: isToken ? '' : secret,
      identityToken: isToken ? secret : '',
      registryToken: '',
    };
  }

  async store(server: string, { username, password, identityToken }: RegistryCredentials): Promise<void> {
    const entry = {
      ServerURL: server,
      Username: identityToken === '' ? username : TOKEN_USER,
      Secret: identityToken || password,
    };
    const { code, output } = await this.#run('store', JSON.stringify(entry));
    if (code !== 0) throw this.#failure('store', output);
  }

  async erase(server: string): Promise<void> {
    const { code, output } = await this.#run('erase', server);
    if (code !== 0 && !/credentials not found/i.test(output)) throw this.#failure('erase', output);
  }

  #parse(output: string): { username: string; secret: string } {
    try {
      const { Username: username, Secret: secret } = JSON.parse(output) as Record<string, unknown>;
      if (typeof username === 'string' && typeof secret === 'string') return { username, secret };
    } catch {
      // Said below; what it printed may be secret.
    }
    throw new CliError(`${this.#program} get: the answer has no Username and Secret`);
  }

  #failure(what: string, output: string): CliError {
    return new CliError(`${this.#program} ${what}: ${output.trim().split('\n')[0]}`);
  }

  #run(what: string, input: string): Promise<{ code: number; output: string }> {
    return new Promise((resolve, reject) => {
      const child = spawn(this.#program, [what], { stdio: ['pipe', 'pipe', 'inherit'], env: this.#env });
      let output = '';
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
      child.on('error', (cause: Error) => reject(new CliError(`cannot run ${this.#program}: ${cause.message}`)));
      // One that doesn't read its input breaks the pipe: its exit code tells.
      child.stdin.on('error', () => undefined);
      child.stdin.end(`${input}\n`);
      child.on('close', (code) => resolve({ code: code ?? 1, output }));
    });
  }
}
