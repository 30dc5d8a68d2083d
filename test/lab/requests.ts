/** HTTP requests from inside a test host's namespaces. */
import { output } from './command.ts';

/** `count` requests one after the other by one process; the bodies. */
export async function fetchMany(prefix: readonly string[], url: string, count: number): Promise<string[]> {
  const script =
    'i=0; while [ $i -lt "$2" ]; do timeout 10 busybox wget -q -O - "$1" || echo FAILED; echo; echo "--"; i=$((i+1)); done';
  const text = await output([...prefix, 'sh', '-c', script, 'sh', url, String(count)]);
  return text.split('\n--\n').slice(0, count);
}

export async function fetchOne(prefix: readonly string[], url: string): Promise<string> {
  return (await fetchMany(prefix, url, 1))[0] ?? '';
}
