#include "spec.h"

static int
read_hook (struct spec *spec, struct hook_spec *hook, json_t *json, struct error *err)
{
  struct optional_int timeout = { false, 0 };

  if (field_string (json, "path", &hook->path, err) < 0
      || field_strings (json, "args", &spec->arena, &hook->args, err) < 0
      || field_strings (json, "env", &spec->arena, &hook->env, err) < 0
      || field_int (json, "timeout", &timeout, err) < 0)
    return -1;
  if (hook->path == NULL || hook->path[0] != '/')
    return error_set (err, 0, "\"path\" must be an absolute path");
  if (timeout.set && (timeout.value <= 0 || timeout.value > INT32_MAX / 1000))
    return error_set (err, 0, "\"timeout\" must be a positive number of seconds");
  hook->timeout_s = (int) timeout.value;
  return 0;
}

int
spec_read_hooks (struct spec *spec, json_t *json, struct error *err)
{
  static const char *const names[HOOK_POINTS] = {
    [HOOK_PRESTART] = "prestart",
    [HOOK_CREATE_RUNTIME] = "createRuntime",
    [HOOK_CREATE_CONTAINER] = "createContainer",
    [HOOK_START_CONTAINER] = "startContainer",
    [HOOK_POSTSTART] = "poststart",
    [HOOK_POSTSTOP] = "poststop",
  };

  for (int point = 0; point < HOOK_POINTS; point++)
    {
      json_t *hooks = NULL, *item;
      size_t i;

      if (field_array (json, names[point], &hooks, err) < 0)
        return error_prefix (err, "hooks");
      spec->hook_counts[point] = json_array_size (hooks);
      spec->hooks[point] = arena_calloc (&spec->arena, spec->hook_counts[point], sizeof (struct hook_spec));
      json_array_foreach (hooks, i, item)
        if (read_hook (spec, &spec->hooks[point][i], item, err) < 0)
          return error_prefix (err, "hooks.%s[%zu]", names[point], i);
    }
  return 0;
}
