/** `post_start` and `pre_stop` of a service: commands that run in its containers; and `pre_start`, with a container for each. */
import { Hook, PreStart } from '../../../proto/generated/gantry/v1/types.ts';
import type { Fields, ModelCursor } from './model-cursor.ts';

export function convertHooks(cursor: ModelCursor): Hook[] {
  return cursor.items(readHook);
}

/** `image`: the service's. */
export function convertPreStart(cursor: ModelCursor, image: string): PreStart[] {
  return cursor.items((item) =>
    item.object({}, (fields) => {
      const own = fields.text('image');
      return PreStart.fromPartial({
        hook: readFields(item, fields),
        image: own === image ? '' : own,
        perReplica: fields.flag('per_replica'),
      });
    }),
  );
}

function readHook(item: ModelCursor): Hook {
  return item.object({}, (fields) => readFields(item, fields));
}

function readFields(item: ModelCursor, fields: Fields): Hook {
  const argv = fields.texts('command');
  if (argv.length === 0) throw item.problem('has no command', 'add one');
  return Hook.fromPartial({
    argv,
    user: fields.text('user'),
    dir: fields.text('working_dir'),
    privileged: fields.flag('privileged'),
    env: fields.get('environment', readEnvironment) ?? [],
  });
}

/** KEY=VALUE. The shell's variables aren't meant by a key alone, as they are in the service's own. */
function readEnvironment(cursor: ModelCursor): string[] {
  return cursor.valuesByKey().map(([key, value]) => {
    if (value.value === null) throw value.problem('has no value', 'write one: "KEY: value", or "KEY: ${KEY}"');
    return `${key}=${value.text()}`;
  });
}
