#include "cgroup.h"

#include "cleanup.h"
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#define CGROUP_ROOT "/sys/fs/cgroup"

const struct device_rule cgroup_default_device_rules[] = {
  { true, 'c', -1, -1, "m" },    { true, 'b', -1, -1, "m" },  { true, 'c', 1, 3, "rwm" }, { true, 'c', 1, 5, "rwm" },
  { true, 'c', 1, 7, "rwm" },    { true, 'c', 1, 8, "rwm" },  { true, 'c', 1, 9, "rwm" }, { true, 'c', 5, 0, "rwm" },
  { true, 'c', 5, 2, "rwm" },    { true, 'c', 136, -1, "rwm" },
};
const size_t cgroup_default_device_rule_count
    = sizeof cgroup_default_device_rules / sizeof cgroup_default_device_rules[0];

static bool
is_mounted (const char *path, long magic)
{
  struct statfs fs;
  return statfs (path, &fs) == 0 && (long) fs.f_type == magic;
}

static void
add_hierarchy (struct cgroup *cgroup, const char *name, const char *root, bool v2)
{
  struct cgroup_hierarchy *hierarchy;

  cgroup->hierarchies = xrealloc (cgroup->hierarchies, (cgroup->count + 1) * sizeof *cgroup->hierarchies);
  hierarchy = &cgroup->hierarchies[cgroup->count++];
  hierarchy->v2 = v2;
  hierarchy->name = xstrdup (name);
  hierarchy->root = xstrdup (root);
  hierarchy->dir = xasprintf ("%s%s", root, cgroup->path);
}

/* Takes one line of /proc/self/cgroup, "4:memory:/path". /proc/self/mountinfo would be exact, but it grows with every
 * container on the host. */
static void
locate_line (struct cgroup *cgroup, char *line)
{
  char *name = strchr (line, ':'), *end = name != NULL ? strchr (name + 1, ':') : NULL;

  if (end == NULL)
    return;
  *end = '\0';
  name++;
  if (name[0] == '\0')
    {
      if (is_mounted (CGROUP_ROOT "/unified", CGROUP2_SUPER_MAGIC))
        add_hierarchy (cgroup, name, CGROUP_ROOT "/unified", true);
      return;
    }
  cleanup_free char *root = xasprintf (CGROUP_ROOT "/%s", strncmp (name, "name=", 5) == 0 ? name + 5 : name);
  if (is_mounted (root, CGROUP_SUPER_MAGIC))
    add_hierarchy (cgroup, name, root, false);
}

static int
check_path (const char *path, struct error *err)
{
  cleanup_free char *framed = xasprintf ("%s/", path);

  if (path[0] != '/' || path[1] == '\0' || strstr (framed, "/../") != NULL || strstr (framed, "/./") != NULL)
    return error_set (err, 0, "cgroup path \"%s\" must be absolute, below the root and without \"..\"", path);
  return 0;
}

int
cgroup_locate (struct cgroup *cgroup, const char *path, struct error *err)
{
  cleanup_free char *lines = NULL;
  char *next;

  if (check_path (path, err) < 0)
    return -1;
  cgroup->path = xstrdup (path);
  if (is_mounted (CGROUP_ROOT, CGROUP2_SUPER_MAGIC))
    {
      add_hierarchy (cgroup, "", CGROUP_ROOT, true);
      return 0;
    }
  if (read_file_at (AT_FDCWD, "/proc/self/cgroup", &lines, NULL, err) < 0)
    return -1;
  next = lines;
  for (char *line; (line = strsep (&next, "\n")) != NULL;)
    locate_line (cgroup, line);
  if (cgroup->count == 0)
    return error_set (err, 0, "no cgroup hierarchy is mounted below " CGROUP_ROOT);
  return 0;
}

void
cgroup_free (struct cgroup *cgroup)
{
  for (size_t i = 0; i < cgroup->count; i++)
    {
      free (cgroup->hierarchies[i].name);
      free (cgroup->hierarchies[i].root);
      free (cgroup->hierarchies[i].dir);
    }
  free (cgroup->hierarchies);
  free (cgroup->path);
  *cgroup = (struct cgroup){ 0 };
}

static bool
has_controller (const char *names, const char *controller)
{
  size_t length = strlen (controller);

  for (const char *name = names; *name != '\0'; name += strcspn (name, ","), name += *name == ',')
    if (strncmp (name, controller, length) == 0 && (name[length] == ',' || name[length] == '\0'))
      return true;
  return false;
}

const struct cgroup_hierarchy *
cgroup_v1_controller (const struct cgroup *cgroup, const char *controller)
{
  for (size_t i = 0; i < cgroup->count; i++)
    if (!cgroup->hierarchies[i].v2 && has_controller (cgroup->hierarchies[i].name, controller))
      return &cgroup->hierarchies[i];
  return NULL;
}

const struct cgroup_hierarchy *
cgroup_v2 (const struct cgroup *cgroup)
{
  for (size_t i = 0; i < cgroup->count; i++)
    if (cgroup->hierarchies[i].v2)
      return &cgroup->hierarchies[i];
  return NULL;
}

bool
cgroup_is_unified (const struct cgroup *cgroup)
{
  return cgroup->count == 1 && cgroup->hierarchies[0].v2;
}

int
cgroup_write (const struct cgroup_hierarchy *hierarchy, const char *file, const char *value, struct error *err)
{
  cleanup_free char *path = xasprintf ("%s/%s", hierarchy->dir, file);

  if (write_kernel_file_at (AT_FDCWD, path, value, err) < 0)
    {
      if (err->errnum == ENOENT)
        return error_prefix (err, "this host's kernel or cgroup set-up does not offer %s", file);
      return -1;
    }
  return 0;
}

int
cgroup_write_int (const struct cgroup_hierarchy *hierarchy, const char *file, int64_t value, struct error *err)
{
  char text[24];

  snprintf (text, sizeof text, "%lld", (long long) value);
  return cgroup_write (hierarchy, file, text, err);
}

bool
cgroup_has_file (const struct cgroup_hierarchy *hierarchy, const char *file)
{
  cleanup_free char *path = xasprintf ("%s/%s", hierarchy->dir, file);
  return access (path, F_OK) == 0;
}

/* Prepares a directory of the path for those below it. */
static int
prepare_level (const struct cgroup_hierarchy *hierarchy, const char *dir, bool leaf, struct error *err)
{
  if (hierarchy->v2)
    return leaf ? 0 : cgroup_v2_delegate (dir, err);
  if (has_controller (hierarchy->name, "cpuset"))
    return cgroup_v1_inherit_cpuset (hierarchy->root, dir, err);
  return 0;
}

/* Makes root/a/b/c level by level. Fails with ENOENT when another process removes an empty level meanwhile. */
static int
make_levels (const struct cgroup_hierarchy *hierarchy, struct error *err)
{
  cleanup_free char *dir = xstrdup (hierarchy->dir);
  size_t end = strlen (hierarchy->root);

  if (hierarchy->v2 && cgroup_v2_delegate (hierarchy->root, err) < 0)
    return -1;
  for (;;)
    {
      bool leaf;

      end += strspn (hierarchy->dir + end, "/");
      end += strcspn (hierarchy->dir + end, "/");
      leaf = hierarchy->dir[end] == '\0';
      dir[end] = '\0';
      if (mkdir (dir, 0755) < 0 && errno != EEXIST)
        return error_set (err, errno, "create cgroup %s", dir);
      if (prepare_level (hierarchy, dir, leaf, err) < 0)
        return -1;
      if (leaf)
        return 0;
      dir[end] = '/';
    }
}

int
cgroup_create (const struct cgroup *cgroup, struct error *err)
{
  for (size_t i = 0; i < cgroup->count; i++)
    {
      /* Removing an empty parent races with making something in it; each round of the race has made one side go
       * forward, so a few rounds are plenty. */
      int attempts = 100, result;
      do
        result = make_levels (&cgroup->hierarchies[i], err);
      while (result < 0 && (err->errnum == ENOENT || err->errnum == ENODEV) && --attempts > 0);
      if (result < 0)
        return -1;
    }
  return 0;
}

int
cgroup_check_unused (const struct cgroup *cgroup, struct error *err)
{
  cleanup_free pid_t *pids = NULL;
  size_t count;

  if (cgroup_pids (cgroup, &pids, &count, err) < 0)
    return -1;
  if (count > 0)
    return error_set (err, 0, "cgroup %s is in use by process %d", cgroup->path, (int) pids[0]);
  return 0;
}

int
cgroup_apply (const struct cgroup *cgroup, const struct resources_spec *resources, struct error *err)
{
  if (cgroup_is_unified (cgroup))
    return cgroup_v2_apply (&cgroup->hierarchies[0], resources, err);
  return cgroup_v1_apply (cgroup, resources, err);
}

int
cgroup_open_v2 (const struct cgroup *cgroup)
{
  const struct cgroup_hierarchy *hierarchy = cgroup_v2 (cgroup);
  return hierarchy != NULL ? open (hierarchy->dir, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
}

int
cgroup_attach (const struct cgroup *cgroup, pid_t pid, bool born_in_v2, struct error *err)
{
  for (size_t i = 0; i < cgroup->count; i++)
    if (!(born_in_v2 && cgroup->hierarchies[i].v2)
        && cgroup_write_int (&cgroup->hierarchies[i], "cgroup.procs", pid, err) < 0)
      return -1;
  return 0;
}

int
cgroup_freeze (const struct cgroup *cgroup, bool freeze, struct error *err)
{
  const struct cgroup_hierarchy *freezer = cgroup_v1_controller (cgroup, "freezer");

  if (freezer != NULL)
    return cgroup_v1_freeze (freezer, freeze, err);
  if (cgroup_v2 (cgroup) != NULL)
    return cgroup_v2_freeze (cgroup_v2 (cgroup), freeze, err);
  return error_set (err, 0, "this host has no freezer cgroup");
}

bool
cgroup_is_frozen (const struct cgroup *cgroup)
{
  const struct cgroup_hierarchy *freezer = cgroup_v1_controller (cgroup, "freezer");
  cleanup_free char *path = NULL, *value = NULL;
  struct error ignored;

  if (freezer == NULL)
    freezer = cgroup_v2 (cgroup);
  if (freezer == NULL)
    return false;
  path = xasprintf ("%s/%s", freezer->dir, freezer->v2 ? "cgroup.freeze" : "freezer.self_freezing");
  return read_file_at (AT_FDCWD, path, &value, NULL, &ignored) == 0 && value[0] == '1';
}
