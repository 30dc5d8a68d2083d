#include "commands.h"

#include "cgroup.h"
#include "cleanup.h"
#include "file.h"
#include "state.h"

#include <fcntl.h>
#include <getopt.h>
#include <string.h>

static const char usage[] = "ps [-f table|json] ID";

/* The command line with spaces for its NULs, or "" when the process has just ended. */
static char *
command_line (pid_t pid)
{
  cleanup_free char *path = xasprintf ("/proc/%d/cmdline", (int) pid);
  struct error ignored;
  char *text = NULL;
  size_t length = 0;

  if (read_file_at (AT_FDCWD, path, &text, &length, &ignored) < 0)
    return xstrdup ("");
  for (size_t i = 0; i + 1 < length; i++)
    text[i] = text[i] == '\0' ? ' ' : text[i];
  return text;
}

static int
print_json (const pid_t *pids, size_t count, struct error *err)
{
  cleanup_json json_t *array = json_array ();

  for (size_t i = 0; i < count; i++)
    json_array_append_new (array, json_integer (pids[i]));
  if (json_dumpf (array, stdout, JSON_COMPACT) < 0 || putchar ('\n') == EOF)
    return error_set (err, 0, "write the list");
  return 0;
}

static int
print_table (const pid_t *pids, size_t count)
{
  puts ("PID        CMD");
  for (size_t i = 0; i < count; i++)
    {
      cleanup_free char *command = command_line (pids[i]);
      printf ("%-10d %s\n", (int) pids[i], command);
    }
  return 0;
}

int
cmd_ps (const char *root, int argc, char **argv, struct error *err)
{
  static const struct option known[] = { { "format", required_argument, NULL, 'f' }, { NULL, 0, NULL, 0 } };
  cleanup_state struct state state = { 0 };
  cleanup_free pid_t *pids = NULL;
  struct cgroup cgroup = { 0 };
  bool json = false;
  size_t count;
  const char *id;
  int option, result;

  while ((option = getopt_long (argc, argv, "+f:", known, NULL)) != -1)
    {
      if (option != 'f' || (strcmp (optarg, "json") != 0 && strcmp (optarg, "table") != 0))
        return command_usage (usage, err);
      json = strcmp (optarg, "json") == 0;
    }
  if (command_single_id (argc, argv, optind, usage, &id, err) < 0 || state_load (&state, root, id, err) < 0)
    return -1;
  result = state_locate_cgroup (&state, &cgroup, err);
  if (result == 0)
    result = cgroup_pids (&cgroup, &pids, &count, err);
  cgroup_free (&cgroup);
  if (result < 0)
    return -1;
  return json ? print_json (pids, count, err) : print_table (pids, count);
}
