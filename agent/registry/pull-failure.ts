/** Failures of a pull or push in the words that users of Docker know. Pure. */
import { GantryError, toGantryError } from '../../proto/errors.ts';
import { familiarName, familiarRepository, type Reference } from '../../proto/image-reference.ts';
import { RegistryRefusal } from './refusal.ts';

export function pullFailure(thrown: unknown, reference: Reference): GantryError {
  const error = toGantryError(thrown);
  if (isDenied(error)) {
    const name = familiarRepository(reference);
    return new GantryError(
      'PERMISSION_DENIED',
      `pull access denied for ${name}, repository does not exist or may require 'gantry login': ${error.reason}`,
      { cause: error },
    );
  }
  const image = familiarName(reference);
  if (error instanceof RegistryRefusal && error.status === 404 && error.message.startsWith('manifest ')) {
    return new GantryError('IMAGE_NOT_FOUND', `manifest for ${image} not found: ${error.reason}`, { cause: error });
  }
  return explained(error, `pulling ${image}`);
}

export function pushFailure(thrown: unknown, reference: Reference): GantryError {
  const error = toGantryError(thrown);
  if (!isDenied(error)) return explained(error, `pushing ${familiarName(reference)}`);
  const what = `push access denied for ${familiarRepository(reference)}, it may require 'gantry login'`;
  return new GantryError('PERMISSION_DENIED', `${what}: ${error.reason}`, { cause: error });
}

function isDenied(error: GantryError): error is RegistryRefusal {
  return error instanceof RegistryRefusal && error.code === 'PERMISSION_DENIED';
}

function explained(error: GantryError, what: string): GantryError {
  const quota = error instanceof RegistryRefusal && error.status === 429 ? retryHint(error) : undefined;
  return new GantryError(error.code, `${what}: ${error.message}`, { hint: quota ?? error.hint, cause: error });
}

function retryHint({ retryAfterMs }: RegistryRefusal): string | undefined {
  if (retryAfterMs === undefined) return undefined;
  return `the registry asks to wait for ${Math.ceil(retryAfterMs / 1000)} s`;
}
