#include "capabilities.h"
#include "spec.h"

#include <linux/ioprio.h>
#include <string.h>

static const struct
{
  const char *name;
  int resource;
} rlimit_names[] = {
  { "RLIMIT_AS", RLIMIT_AS },
  { "RLIMIT_CORE", RLIMIT_CORE },
  { "RLIMIT_CPU", RLIMIT_CPU },
  { "RLIMIT_DATA", RLIMIT_DATA },
  { "RLIMIT_FSIZE", RLIMIT_FSIZE },
  { "RLIMIT_LOCKS", RLIMIT_LOCKS },
  { "RLIMIT_MEMLOCK", RLIMIT_MEMLOCK },
  { "RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE },
  { "RLIMIT_NICE", RLIMIT_NICE },
  { "RLIMIT_NOFILE", RLIMIT_NOFILE },
  { "RLIMIT_NPROC", RLIMIT_NPROC },
  { "RLIMIT_RSS", RLIMIT_RSS },
  { "RLIMIT_RTPRIO", RLIMIT_RTPRIO },
  { "RLIMIT_RTTIME", RLIMIT_RTTIME },
  { "RLIMIT_SIGPENDING", RLIMIT_SIGPENDING },
  { "RLIMIT_STACK", RLIMIT_STACK },
};

static int
read_rlimit (struct rlimit_spec *rlimit, json_t *json, struct error *err)
{
  struct optional_int soft = { false, 0 }, hard = { false, 0 };

  if (field_string (json, "type", &rlimit->name, err) < 0 || field_int (json, "soft", &soft, err) < 0
      || field_int (json, "hard", &hard, err) < 0)
    return -1;
  if (rlimit->name == NULL || !soft.set || !hard.set)
    return error_set (err, 0, "\"type\", \"soft\" and \"hard\" are all needed");
  /* -1 is what RLIM_INFINITY, 2^64-1, has become in document_parse. */
  rlimit->limit.rlim_cur = (rlim_t) soft.value;
  rlimit->limit.rlim_max = (rlim_t) hard.value;
  for (size_t i = 0; i < sizeof rlimit_names / sizeof rlimit_names[0]; i++)
    if (strcmp (rlimit_names[i].name, rlimit->name) == 0)
      {
        rlimit->resource = rlimit_names[i].resource;
        return 0;
      }
  return error_set (err, 0, "unknown rlimit \"%s\"", rlimit->name);
}

static int
read_rlimits (struct process_spec *process, json_t *json, struct arena *arena, struct error *err)
{
  json_t *rlimits = NULL, *item;
  size_t i;

  if (field_array (json, "rlimits", &rlimits, err) < 0)
    return -1;
  process->rlimit_count = json_array_size (rlimits);
  process->rlimits = arena_calloc (arena, process->rlimit_count, sizeof *process->rlimits);
  json_array_foreach (rlimits, i, item)
    if (read_rlimit (&process->rlimits[i], item, err) < 0)
      return error_prefix (err, "rlimits[%zu]", i);
  return 0;
}

static int
read_additional_gids (struct process_spec *process, json_t *user, struct arena *arena, struct error *err)
{
  json_t *gids = NULL, *item;
  size_t i;

  if (field_array (user, "additionalGids", &gids, err) < 0)
    return -1;
  process->additional_gid_count = json_array_size (gids);
  process->additional_gids = arena_calloc (arena, process->additional_gid_count, sizeof (gid_t));
  json_array_foreach (gids, i, item)
    {
      json_int_t gid = json_is_integer (item) ? json_integer_value (item) : -1;
      if (gid < 0 || gid > UINT32_MAX)
        return error_set (err, 0, "\"additionalGids\" must be an array of group ids");
      process->additional_gids[i] = (gid_t) gid;
    }
  return 0;
}

static int
read_user (struct process_spec *process, json_t *json, struct arena *arena, struct error *err)
{
  json_t *user = NULL;

  if (field_object (json, "user", &user, err) < 0 || field_uint32 (user, "uid", &process->uid, err) < 0
      || field_uint32 (user, "gid", &process->gid, err) < 0 || field_int (user, "umask", &process->umask, err) < 0
      || read_additional_gids (process, user, arena, err) < 0)
    return -1;
  if (process->umask.set && (process->umask.value < 0 || process->umask.value > 0777))
    return error_set (err, 0, "\"user.umask\" must be between 0 and 0777");
  return 0;
}

static int
read_capabilities (struct process_spec *process, json_t *json, struct arena *arena, struct error *err)
{
  static const char *const set_names[CAPABILITY_SETS] = {
    [CAPABILITY_BOUNDING] = "bounding",       [CAPABILITY_EFFECTIVE] = "effective",
    [CAPABILITY_INHERITABLE] = "inheritable", [CAPABILITY_PERMITTED] = "permitted",
    [CAPABILITY_AMBIENT] = "ambient",
  };
  json_t *capabilities = NULL;

  if (field_object (json, "capabilities", &capabilities, err) < 0)
    return -1;
  process->has_capabilities = capabilities != NULL;
  for (int set = 0; set < CAPABILITY_SETS; set++)
    {
      const char *const *names = NULL;

      if (field_strings (capabilities, set_names[set], arena, &names, err) < 0)
        return -1;
      for (; names != NULL && *names != NULL; names++)
        if (capability_add (&process->capabilities[set], *names, err) < 0)
          return error_prefix (err, "capabilities.%s", set_names[set]);
    }
  return 0;
}

static int
read_io_priority (struct process_spec *process, json_t *json, struct error *err)
{
  static const char *const classes[]
      = { "IOPRIO_CLASS_NONE", "IOPRIO_CLASS_RT", "IOPRIO_CLASS_BE", "IOPRIO_CLASS_IDLE" };
  json_t *priority = NULL;
  const char *class = NULL;
  struct optional_int level = { false, 0 };

  if (field_object (json, "ioPriority", &priority, err) < 0 || field_string (priority, "class", &class, err) < 0
      || field_int (priority, "priority", &level, err) < 0)
    return -1;
  if (priority == NULL)
    return 0;
  if (level.value < 0 || level.value > 7)
    return error_set (err, 0, "\"ioPriority.priority\" must be between 0 and 7");
  for (int i = 1; class != NULL && i < 4; i++)
    if (strcmp (class, classes[i]) == 0)
      {
        process->io_priority.set = true;
        process->io_priority.value = IOPRIO_PRIO_VALUE (i, level.value);
        return 0;
      }
  return error_set (err, 0, "\"ioPriority.class\" must be one of IOPRIO_CLASS_RT, IOPRIO_CLASS_BE, IOPRIO_CLASS_IDLE");
}

static int
check_process (const struct process_spec *process, struct error *err)
{
  if (process->args == NULL || process->args[0] == NULL)
    return error_set (err, 0, "\"args\" must not be empty");
  if (process->cwd == NULL || process->cwd[0] != '/')
    return error_set (err, 0, "\"cwd\" must be an absolute path");
  for (const char *const *env = process->env; env != NULL && *env != NULL; env++)
    if (strchr (*env, '=') == NULL || **env == '=')
      return error_set (err, 0, "environment \"%s\" must be NAME=VALUE", *env);
  return 0;
}

int
spec_read_process (struct process_spec *process, json_t *json, struct arena *arena, struct error *err)
{
  json_t *console = NULL;

  if (field_bool (json, "terminal", &process->terminal, err) < 0
      || field_object (json, "consoleSize", &console, err) < 0
      || field_uint32 (console, "height", &process->rows, err) < 0
      || field_uint32 (console, "width", &process->columns, err) < 0 || read_user (process, json, arena, err) < 0
      || field_strings (json, "args", arena, &process->args, err) < 0
      || field_strings (json, "env", arena, &process->env, err) < 0
      || field_string (json, "cwd", &process->cwd, err) < 0
      || field_bool (json, "noNewPrivileges", &process->no_new_privileges, err) < 0
      || read_capabilities (process, json, arena, err) < 0 || read_rlimits (process, json, arena, err) < 0
      || field_int (json, "oomScoreAdj", &process->oom_score_adj, err) < 0
      || read_io_priority (process, json, err) < 0
      || field_string (json, "apparmorProfile", &process->apparmor_profile, err) < 0
      || field_string (json, "selinuxLabel", &process->selinux_label, err) < 0
      || field_refuse (json, "scheduler", "set the policy from inside the container", err) < 0
      || field_refuse (json, "execCPUAffinity", "use linux.resources.cpu.cpus", err) < 0)
    return -1;
  return check_process (process, err);
}
