/* The processes inside a container's cgroups: listing, signalling, and removing cgroups once they are gone. */
#include "cgroup.h"

#include "cleanup.h"
#include "file.h"
#include "pidfd.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

/* How long killed processes may take to end. One that waits for a dead disk or file server can't be killed at all. */
#define KILL_TIMEOUT_MS 10000

struct pid_list
{
  pid_t *pids;
  size_t count;
};

/* Adds the processes of DIR and of all cgroups below it. A directory that vanishes meanwhile is fine. */
static int
collect (const char *dir, struct pid_list *list, struct error *err)
{
  cleanup_free char *procs = xasprintf ("%s/cgroup.procs", dir);
  cleanup_free char *content = NULL;
  cleanup_dir DIR *stream = NULL;
  struct dirent *entry;

  if (read_file_at (AT_FDCWD, procs, &content, NULL, err) < 0)
    return err->errnum == ENOENT || err->errnum == ENODEV ? 0 : -1;
  for (char *line, *next = content; (line = strsep (&next, "\n")) != NULL && *line != '\0';)
    {
      list->pids = xrealloc (list->pids, (list->count + 1) * sizeof *list->pids);
      list->pids[list->count++] = (pid_t) atoi (line);
    }
  stream = opendir (dir);
  while (stream != NULL && (entry = readdir (stream)) != NULL)
    {
      if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
        continue;
      cleanup_free char *child = xasprintf ("%s/%s", dir, entry->d_name);
      if (collect (child, list, err) < 0)
        return -1;
    }
  return 0;
}

/* All hierarchies hold the same processes, except while a process is being attached: it is asked of the first, into
 * which processes come first. */
int
cgroup_pids (const struct cgroup *cgroup, pid_t **pids, size_t *count, struct error *err)
{
  const struct cgroup_hierarchy *v2 = cgroup_v2 (cgroup);
  struct pid_list list = { NULL, 0 };

  if (collect (v2 != NULL ? v2->dir : cgroup->hierarchies[0].dir, &list, err) < 0)
    {
      free (list.pids);
      return -1;
    }
  *pids = list.pids;
  *count = list.count;
  return 0;
}

static int
signal_members (const char *dir, int signal, struct error *err)
{
  struct pid_list list = { NULL, 0 };
  int result = collect (dir, &list, err);

  for (size_t i = 0; result == 0 && i < list.count; i++)
    if (kill (list.pids[i], signal) < 0 && errno != ESRCH)
      result = error_set (err, errno, "send signal %d to process %d", signal, (int) list.pids[i]);
  free (list.pids);
  return result;
}

int
cgroup_signal (const struct cgroup *cgroup, int signal, struct error *err)
{
  const struct cgroup_hierarchy *v2 = cgroup_v2 (cgroup);
  const struct cgroup_hierarchy *hierarchy = v2 != NULL ? v2 : &cgroup->hierarchies[0];
  struct error thaw_error;
  bool was_frozen = cgroup_is_frozen (cgroup);
  int result;

  /* cgroup.kill (Linux 5.14) also gets those that are just being forked, and frozen ones. */
  if (signal == SIGKILL && v2 != NULL && cgroup_has_file (v2, "cgroup.kill"))
    result = cgroup_write (v2, "cgroup.kill", "1", err);
  else
    {
      /* Frozen processes can't fork away from the list. */
      if (cgroup_freeze (cgroup, true, err) < 0 && err->errnum != ENOENT)
        return -1;
      result = signal_members (hierarchy->dir, signal, err);
      if (!was_frozen && cgroup_freeze (cgroup, false, &thaw_error) < 0 && thaw_error.errnum != ENOENT && result == 0)
        *err = thaw_error, result = -1;
    }
  /* v1 holds back even SIGKILL until it thaws. */
  if (signal == SIGKILL && was_frozen && cgroup_freeze (cgroup, false, &thaw_error) < 0 && thaw_error.errnum != ENOENT
      && result == 0)
    *err = thaw_error, result = -1;
  return result;
}

static int64_t
now_ms (void)
{
  struct timespec now;
  clock_gettime (CLOCK_MONOTONIC, &now);
  return (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Kills the processes in DIR and waits for their ends, up to DEADLINE. */
static int
kill_and_wait (const char *dir, int64_t deadline_ms, struct error *err)
{
  struct pid_list list = { NULL, 0 };
  int result = collect (dir, &list, err);

  for (size_t i = 0; result == 0 && i < list.count; i++)
    {
      cleanup_close int pidfd = pidfd_open_process (list.pids[i]);
      int64_t left = deadline_ms - now_ms ();

      if (pidfd < 0)
        continue;
      if (left <= 0 || (pidfd_signal (pidfd, SIGKILL) == 0 && pidfd_wait (pidfd, (int) left) < 0))
        result = error_set (err, ETIMEDOUT, "process %d does not end", (int) list.pids[i]);
    }
  /* Nobody listed, yet the cgroup is busy: the last process is between its end and leaving the cgroup. */
  if (result == 0 && list.count == 0)
    poll (NULL, 0, 1);
  free (list.pids);
  return result;
}

/* Removes DIR with all cgroups below it. Returns -1 with errno; what isn't there is fine. */
static int
remove_tree (const char *dir)
{
  cleanup_dir DIR *stream = NULL;
  struct dirent *entry;

  if (rmdir (dir) == 0 || errno == ENOENT)
    return 0;
  if (errno != EBUSY)
    return -1;
  stream = opendir (dir);
  if (stream == NULL)
    return errno == ENOENT ? 0 : -1;
  while ((entry = readdir (stream)) != NULL)
    {
      if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
        continue;
      cleanup_free char *child = xasprintf ("%s/%s", dir, entry->d_name);
      if (remove_tree (child) < 0)
        return -1;
    }
  return rmdir (dir) == 0 || errno == ENOENT ? 0 : -1;
}

static int
remove_hierarchy (const struct cgroup_hierarchy *hierarchy, int64_t deadline_ms, struct error *err)
{
  while (remove_tree (hierarchy->dir) < 0)
    {
      if (errno != EBUSY || now_ms () > deadline_ms)
        return error_set (err, errno, "remove cgroup %s", hierarchy->dir);
      if (kill_and_wait (hierarchy->dir, deadline_ms, err) < 0)
        return error_prefix (err, "remove cgroup %s", hierarchy->dir);
    }
  return 0;
}

/* Removes parents as long as they are empty and ours. Another process may use or remove them at the same time. */
static void
remove_parents (const struct cgroup_hierarchy *hierarchy)
{
  cleanup_free char *dir = xstrdup (hierarchy->dir);
  size_t root_length = strlen (hierarchy->root);

  if (strncmp (dir + root_length, "/gantry/", 8) != 0)
    return;
  for (char *slash; (slash = strrchr (dir, '/')) > dir + root_length;)
    {
      *slash = '\0';
      if (rmdir (dir) < 0 && errno != ENOENT)
        return;
    }
}

int
cgroup_remove (const struct cgroup *cgroup, struct error *err)
{
  int64_t deadline_ms = now_ms () + KILL_TIMEOUT_MS;
  cleanup_free pid_t *pids = NULL;
  size_t count;

  if (cgroup_pids (cgroup, &pids, &count, err) < 0
      || (count > 0 && cgroup_signal (cgroup, SIGKILL, err) < 0 && err->errnum != ENOENT))
    return -1;
  for (size_t i = 0; i < cgroup->count; i++)
    if (remove_hierarchy (&cgroup->hierarchies[i], deadline_ms, err) < 0)
      return -1;
  for (size_t i = 0; i < cgroup->count; i++)
    remove_parents (&cgroup->hierarchies[i]);
  return 0;
}
