#include "commands.h"

#include "cgroup.h"
#include "cleanup.h"
#include "document.h"
#include "file.h"
#include "spec.h"
#include "state.h"

#include <fcntl.h>
#include <getopt.h>
#include <string.h>

static const char usage[] = "update -r FILE ID";

/* FILE holds linux.resources, "-" means standard input. */
static int
apply_file (const struct state *state, const char *file, struct error *err)
{
  struct resources_spec resources = { 0 };
  struct arena arena = { NULL };
  struct cgroup cgroup = { 0 };
  cleanup_free char *text = NULL;
  cleanup_json json_t *json = NULL;
  size_t length;
  int result;

  if (read_file_at (AT_FDCWD, strcmp (file, "-") == 0 ? "/dev/stdin" : file, &text, &length, err) < 0)
    return -1;
  json = document_parse (text, length, file, err);
  if (json == NULL)
    return -1;
  result = spec_read_resources (&resources, json, &arena, err);
  if (result == 0)
    result = state_locate_cgroup (state, &cgroup, err);
  if (result == 0)
    result = cgroup_apply (&cgroup, &resources, err);
  cgroup_free (&cgroup);
  arena_free (&arena);
  return result;
}

int
cmd_update (const char *root, int argc, char **argv, struct error *err)
{
  static const struct option known[] = { { "resources", required_argument, NULL, 'r' }, { NULL, 0, NULL, 0 } };
  cleanup_state struct state state = { 0 };
  const char *file = NULL, *id;
  int option;

  while ((option = getopt_long (argc, argv, "+r:", known, NULL)) != -1)
    {
      if (option != 'r')
        return command_usage (usage, err);
      file = optarg;
    }
  if (file == NULL)
    return command_usage (usage, err);
  if (command_single_id (argc, argv, optind, usage, &id, err) < 0 || state_load (&state, root, id, err) < 0)
    return -1;
  if (state_status (&state) == STATUS_STOPPED)
    return error_set (err, 0, "container not running");
  return apply_file (&state, file, err);
}
