/** --gpus: GPUs by the names that the host's CDI files have for them. Source: Docker's `run --gpus`. */
import { gpuName } from '../../proto/cdi-device.ts';
import { invalidFlag } from '../command-line.ts';

const HINT =
  'write all, how many, or "device=0,1" with its quotation marks; more of a GPU is said with --device VENDOR/CLASS=NAME';
const MOST = 256;

/** all, N, device=ID, "device=ID,ID". So many are the first ones. Throws CliError. */
export function parseGpus(text: string): string[] {
  const fields = fieldsOf(text);
  if (fields === undefined) throw invalidFlag('--gpus', text, HINT);
  const chosen = fields.flatMap((field): string[][] => {
    const [key = '', value] = field.split(/=(.*)/s);
    if (value === undefined) return [counted(text, key)];
    if (key === 'count') return [counted(text, value)];
    if (key === 'device') return [value.split(',')];
    if ((key === 'driver' && value === 'nvidia') || key === 'capabilities') return [];
    throw invalidFlag('--gpus', text, HINT);
  });
  const [ids, ...others] = chosen;
  if (ids === undefined || others.length > 0) throw invalidFlag('--gpus', text, HINT);
  return ids.map((id) => {
    const name = gpuName(id.trim());
    if (name === undefined) throw invalidFlag('--gpus', text, HINT);
    return name;
  });
}

function counted(text: string, word: string): string[] {
  if (word === 'all' || word === '-1') return ['all'];
  if (!/^\d{1,3}$/.test(word) || Number(word) < 1 || Number(word) > MOST) throw invalidFlag('--gpus', text, HINT);
  return Array.from({ length: Number(word) }, (_, index) => String(index));
}

/** Of CSV, in which a field with commas is in quotation marks; undefined: it is none. */
function fieldsOf(text: string): string[] | undefined {
  if (!/^("[^"]*"|[^",]*)(,("[^"]*"|[^",]*))*$/.test(text)) return undefined;
  return [...text.matchAll(/"([^"]*)"|([^",]+)/g)].map(([, quoted, plain = '']) => quoted ?? plain);
}
