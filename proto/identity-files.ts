/** A node's identity as it is kept: DIR/ca.crt, the roots it trusts, and DIR/node.pem with its certificate and its key. */
import { X509Certificate } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { GantryError } from './errors.ts';
import type { NodeIdentity } from './tls.ts';

/** Certificate and key are one file, since one is of no use without the other: no crash comes between them. */
const NODE_FILE = 'node.pem';
const CA_FILE = 'ca.crt';

export function identityDir(dataRoot: string): string {
  return join(dataRoot, 'identity');
}

/** Undefined when there is none; CORRUPT when it can't be used. */
export function loadIdentity(dir: string): NodeIdentity | undefined {
  try {
    const text = readFileSync(join(dir, NODE_FILE), 'utf8');
    const caPem = readFileSync(join(dir, CA_FILE), 'utf8');
    return { caPem, certPem: sections(text, 'CERTIFICATE'), keyPem: sections(text, 'PRIVATE KEY') };
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw new GantryError('CORRUPT', `cannot read this node's identity in ${dir}`, {
      hint: 'restore the files from a backup, or leave the cluster with --force and join it again',
      cause: error,
    });
  }
}

/** On disk when it resolves; nobody but the owner can read it at any time. */
export async function saveIdentity(dir: string, { caPem, certPem, keyPem }: NodeIdentity): Promise<void> {
  await saveTrust(dir, caPem);
  // Last: with it the identity counts.
  await replaceFile(join(dir, NODE_FILE), `${certPem.trim()}\n${keyPem.trim()}\n`);
}

/** The roots that the node trusts from now on. On disk when it resolves. */
export async function saveTrust(dir: string, caPem: string): Promise<void> {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  await replaceFile(join(dir, CA_FILE), caPem);
}

/** When the identity's certificate begins and ends to be valid: milliseconds since the epoch. */
export function validity({ certPem }: NodeIdentity): { readonly fromMs: number; readonly untilMs: number } {
  const { validFromDate, validToDate } = new X509Certificate(certPem);
  return { fromMs: validFromDate.getTime(), untilMs: validToDate.getTime() };
}

async function replaceFile(path: string, text: string): Promise<void> {
  const temporary = `${path}.tmp`;
  const file = await open(temporary, 'w', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  renameSync(temporary, path);
  // Also the name: whoever is told that a certificate is here relies on it, over a power cut too.
  const directory = await open(dirname(path), 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** All of them: a certificate may come with that of an authority which is between it and the root. */
function sections(text: string, label: string): string {
  const found = text.match(new RegExp(`-----BEGIN ${label}-----[^-]+-----END ${label}-----\n?`, 'g'));
  if (found === null) throw new Error(`there is no ${label.toLowerCase()} in ${NODE_FILE}`);
  return found.join('');
}
