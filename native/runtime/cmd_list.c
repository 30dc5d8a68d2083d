#include "commands.h"

#include "cleanup.h"
#include "state.h"

#include <errno.h>
#include <getopt.h>
#include <string.h>

static const char usage[] = "list [-f table|json] [-q]";

enum format
{
  FORMAT_TABLE,
  FORMAT_JSON,
  FORMAT_QUIET,
};

static void
print_row (const struct state *state, enum status status)
{
  printf ("%-36s %-10d %-10s %-40s %s\n", state->id, status == STATUS_STOPPED ? 0 : (int) state->pid,
          status_name (status), state->bundle, state->created);
}

/* A container that is deleted or made meanwhile is left out. */
static void
list_one (const char *root, const char *id, enum format format, json_t *array)
{
  cleanup_state struct state state = { 0 };
  struct error ignored;
  enum status status;

  if (id[0] == '.' || state_load (&state, root, id, &ignored) < 0)
    return;
  status = state_status (&state);
  if (format == FORMAT_JSON)
    json_array_append_new (array, state_to_oci (&state, status));
  else if (format == FORMAT_QUIET)
    puts (state.id);
  else
    print_row (&state, status);
}

int
cmd_list (const char *root, int argc, char **argv, struct error *err)
{
  static const struct option known[]
      = { { "format", required_argument, NULL, 'f' }, { "quiet", no_argument, NULL, 'q' }, { NULL, 0, NULL, 0 } };
  enum format format = FORMAT_TABLE;
  cleanup_json json_t *array = json_array ();
  cleanup_dir DIR *dir = NULL;
  struct dirent *entry;
  int option;

  while ((option = getopt_long (argc, argv, "+f:q", known, NULL)) != -1)
    if (option == 'q')
      format = FORMAT_QUIET;
    else if (option == 'f' && strcmp (optarg, "json") == 0)
      format = FORMAT_JSON;
    else if (option != 'f' || strcmp (optarg, "table") != 0)
      return command_usage (usage, err);
  if (optind != argc)
    return command_usage (usage, err);

  dir = opendir (root);
  if (dir == NULL && errno != ENOENT)
    return error_set (err, errno, "open %s", root);
  if (format == FORMAT_TABLE)
    printf ("%-36s %-10s %-10s %-40s %s\n", "ID", "PID", "STATUS", "BUNDLE", "CREATED");
  while (dir != NULL && (entry = readdir (dir)) != NULL)
    list_one (root, entry->d_name, format, array);
  if (format == FORMAT_JSON && (json_dumpf (array, stdout, JSON_COMPACT) < 0 || putchar ('\n') == EOF))
    return error_set (err, 0, "write the list");
  return 0;
}
