/** Debian's docker-registry for tests: with TLS of its own authority and one user, where a command line says. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KEY_ALGORITHM, SIGNING_ALGORITHM, x509 } from '../../proto/x509.ts';
import { runCommand } from './command.ts';
import { ROOT } from './engine-host.ts';
import { until } from './until.ts';

export const REGISTRY_PORT = 5000;
export const REGISTRY_LOGIN = { username: 'alice', password: 's3cret' } as const;
/** The password by bcrypt, the only way that the registry takes. */
const HTPASSWD = `${REGISTRY_LOGIN.username}:$2b$05$abcdefghijklmnopqrstuuLK7U1u6pVRmL7L1BBM2aS35PSZnDXlK\n`;

const PROGRAMS = [
  join(ROOT, 'node_modules/.cache/docker-registry/usr/bin/docker-registry'),
  '/usr/bin/docker-registry',
];

export class DockerRegistry {
  /** ADDRESS:PORT */
  readonly host: string;
  readonly directory: string;
  readonly #inside: (argv: readonly string[]) => string[];
  #process: ChildProcess | undefined;

  private constructor(directory: string, address: string, inside: (argv: readonly string[]) => string[]) {
    this.directory = directory;
    this.host = `${address}:${REGISTRY_PORT}`;
    this.#inside = inside;
  }

  /** `inside` gives a command line as it runs where `address` is. */
  static async start(address: string, inside: (argv: readonly string[]) => string[]): Promise<DockerRegistry> {
    const registry = new DockerRegistry(await mkdtemp(join(tmpdir(), 'gantry-registry-')), address, inside);
    await registry.#configure(address);
    await registry.restart();
    return registry;
  }

  /** A directory for --registry-certs, and skopeo's --cert-dir below it. */
  get certificates(): string {
    return join(this.directory, 'certs.d');
  }

  /** Starts it when it has been stopped, with what it had. */
  async restart(): Promise<void> {
    const program = PROGRAMS.find(existsSync);
    if (program === undefined) throw new Error('docker-registry is not installed: see .ci/setup');
    const [command = '', ...args] = this.#inside([program, 'serve', join(this.directory, 'config.yml')]);
    this.#process = spawn(command, args, { stdio: 'ignore' });
    await until('the registry to answer', async () => {
      const probe = ['bash', '-c', `exec 3<>/dev/tcp/${this.host.replace(':', '/')}`];
      return (await runCommand(this.#inside(probe))).code === 0;
    });
  }

  /** As when it crashes. */
  async kill(): Promise<void> {
    const running = this.#process;
    if (running === undefined || running.exitCode !== null || running.signalCode !== null) return;
    const ended = new Promise((done) => running.once('exit', done));
    running.kill('SIGKILL');
    await ended;
  }

  async destroy(): Promise<void> {
    await this.kill();
    await rm(this.directory, { recursive: true, force: true });
  }

  async #configure(address: string): Promise<void> {
    const { certificate, key } = await makeCertificate(address);
    const own = join(this.certificates, this.host);
    await mkdir(own, { recursive: true });
    await writeFile(join(own, 'ca.crt'), certificate);
    await writeFile(join(this.directory, 'key.pem'), key, { mode: 0o600 });
    await writeFile(join(this.directory, 'htpasswd'), HTPASSWD);
    const config = {
      version: 0.1,
      storage: { filesystem: { rootdirectory: join(this.directory, 'data') } },
      auth: { htpasswd: { realm: 'test', path: join(this.directory, 'htpasswd') } },
      http: {
        addr: this.host,
        secret: 'of this test',
        tls: { certificate: join(own, 'ca.crt'), key: join(this.directory, 'key.pem') },
      },
    };
    // YAML takes JSON.
    await writeFile(join(this.directory, 'config.yml'), JSON.stringify(config));
  }
}

/** For an address, signed by itself. */
export async function makeCertificate(address: string): Promise<{ certificate: string; key: string }> {
  const keys = await crypto.subtle.generateKey(KEY_ALGORITHM, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: 'CN=test registry',
    keys,
    signingAlgorithm: SIGNING_ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.SubjectAlternativeNameExtension([{ type: 'ip', value: address }]),
    ],
  });
  const pkcs8 = await crypto.subtle.exportKey('pkcs8', keys.privateKey);
  return { certificate: certificate.toString('pem'), key: x509.PemConverter.encode(pkcs8, 'PRIVATE KEY') };
}
