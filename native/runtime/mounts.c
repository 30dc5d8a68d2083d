#include "mounts.h"

#include "cleanup.h"
#include "copy_up.h"
#include "path.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

/* The kernel's own explanation, if it has one: fsopen's descriptor hands out lines such as "e tmpfs: Bad value". */
static int
filesystem_error (int context, int errnum, const char *type, const char *what, struct error *err)
{
  char reason[512];
  ssize_t n = read (context, reason, sizeof reason - 1);

  if (n <= 2)
    return error_set (err, errnum, "%s: %s", type, what);
  reason[n] = '\0';
  reason[strcspn (reason, "\n")] = '\0';
  return error_set (err, errnum, "%s: %s (%s)", type, what, reason + 2);
}

static int
configure (int context, const char *type, const struct mount_options *options, struct error *err)
{
  for (size_t i = 0; i < options->superblock_flag_count; i++)
    if (fsconfig (context, FSCONFIG_SET_FLAG, options->superblock_flags[i], NULL, 0) < 0)
      return filesystem_error (context, errno, type, options->superblock_flags[i], err);
  for (size_t i = 0; i < options->data_count; i++)
    {
      cleanup_free char *key = xstrdup (options->data[i]);
      char *value = strchr (key, '=');
      int result;

      if (value != NULL)
        *value++ = '\0';
      result = value != NULL ? fsconfig (context, FSCONFIG_SET_STRING, key, value, 0)
                             : fsconfig (context, FSCONFIG_SET_FLAG, key, NULL, 0);
      if (result < 0)
        return filesystem_error (context, errno, type, options->data[i], err);
    }
  return 0;
}

int
mount_new (const char *type, const char *source, const struct mount_options *options, struct error *err)
{
  cleanup_close int context = fsopen (type, FSOPEN_CLOEXEC);
  int mount;

  if (context < 0)
    return error_set (err, errno, errno == ENODEV ? "unknown file system \"%s\"" : "open file system \"%s\"", type);
  if (source != NULL && fsconfig (context, FSCONFIG_SET_STRING, "source", source, 0) < 0)
    return filesystem_error (context, errno, type, source, err);
  if (configure (context, type, options, err) < 0)
    return -1;
  /* A device can only be mounted read-only as a whole; virtual file systems share a superblock with others, so there
   * it is an attribute of the mount. */
  if (options->set & MOUNT_ATTR_RDONLY && source != NULL && source[0] == '/'
      && fsconfig (context, FSCONFIG_SET_FLAG, "ro", NULL, 0) < 0)
    return filesystem_error (context, errno, type, "ro", err);
  if (fsconfig (context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
    return filesystem_error (context, errno, type, "mount", err);
  mount = fsmount (context, FSMOUNT_CLOEXEC, (unsigned) (options->set | options->recursive_set));
  if (mount < 0)
    return filesystem_error (context, errno, type, "mount", err);
  return mount;
}

int
mount_copy (int dirfd, const char *path, bool recursive, struct error *err)
{
  unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0);
  int mount = open_tree (dirfd, path, flags);

  if (mount < 0)
    return error_set (err, errno, "bind %s", path);
  return mount;
}

int
mount_change (int mount, bool recursive, uint64_t set, uint64_t clear, unsigned long propagation, struct error *err)
{
  struct mount_attr attributes = { .attr_set = set, .attr_clr = clear, .propagation = propagation };

  if (set == 0 && clear == 0 && propagation == 0)
    return 0;
  if (mount_setattr (mount, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), &attributes, sizeof attributes) < 0)
    return error_set (err, errno, "set mount attributes");
  return 0;
}

int
mount_attach (int mount, int target, const char *where, struct error *err)
{
  if (move_mount (mount, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
    return error_set (err, errno, "mount on %s", where);
  return 0;
}

static int
apply_propagation (int mount, const struct mount_options *options, struct error *err)
{
  for (size_t i = 0; i < options->propagation_count; i++)
    if (mount_change (mount, options->propagation[i].recursive, 0, 0, options->propagation[i].type, err) < 0)
      return -1;
  return 0;
}

static bool
is_bind (const struct mount_spec *spec, const struct mount_options *options)
{
  return options->bind || (spec->type != NULL && strcmp (spec->type, "bind") == 0);
}

static int
open_source (const struct mount_spec *spec, const char *bundle, int *mount, struct error *err)
{
  cleanup_free char *source = NULL;
  struct mount_options options;

  if (mount_options_parse (&options, spec->options, err) < 0)
    return -1;
  if (!is_bind (spec, &options))
    return 0;
  if (spec->source == NULL || spec->source[0] == '\0')
    return error_set (err, 0, "\"source\" is missing");
  source = spec->source[0] == '/' ? xstrdup (spec->source) : xasprintf ("%s/%s", bundle, spec->source);
  *mount = mount_copy (AT_FDCWD, source, options.recursive_bind, err);
  if (*mount < 0 || mount_change (*mount, true, options.recursive_set, options.recursive_clear, 0, err) < 0
      || mount_change (*mount, false, options.set, options.clear, 0, err) < 0)
    return -1;
  return 0;
}

int
mounts_open_sources (const struct spec *spec, const char *bundle, int **sources, struct error *err)
{
  int *mounts = xcalloc (spec->mount_count, sizeof *mounts);

  for (size_t i = 0; i < spec->mount_count; i++)
    mounts[i] = -1;
  for (size_t i = 0; i < spec->mount_count; i++)
    if (open_source (&spec->mounts[i], bundle, &mounts[i], err) < 0)
      {
        mounts_close_sources (spec, mounts);
        return error_prefix (err, "mount %s", spec->mounts[i].destination);
      }
  *sources = mounts;
  return 0;
}

void
mounts_close_sources (const struct spec *spec, int *sources)
{
  for (size_t i = 0; i < spec->mount_count; i++)
    if (sources[i] >= 0)
      close (sources[i]);
  free (sources);
}

static int
make_bind (const struct mount_context *context, const struct mount_spec *spec, int mount,
           const struct mount_options *options, struct error *err)
{
  cleanup_close int target = -1;
  struct stat st;

  if (fstat (mount, &st) < 0)
    return error_set (err, errno, "stat %s", spec->source);
  target = path_make_in_root (context->root, spec->destination, S_ISDIR (st.st_mode) ? PATH_DIRECTORY : PATH_FILE, err);
  if (target < 0 || mount_attach (mount, target, spec->destination, err) < 0)
    return -1;
  return apply_propagation (mount, options, err);
}

static bool
has_data (const struct mount_options *options, const char *prefix)
{
  for (size_t i = 0; i < options->data_count; i++)
    if (strncmp (options->data[i], prefix, strlen (prefix)) == 0)
      return true;
  return false;
}

/* A tmpfs without "mode=" looks like the directory it covers. */
static int
keep_mode (int mount, int target, const struct mount_options *options, struct error *err)
{
  struct stat st;

  if (has_data (options, "mode="))
    return 0;
  if (fstat (target, &st) < 0 || fchmod (mount, st.st_mode & 07777) < 0)
    return error_set (err, errno, "set the mode of the tmpfs");
  return 0;
}

static int
make_tmpfs (int mount, int target, const struct mount_options *options, struct error *err)
{
  /* fsmount's descriptor is an O_PATH one, which fchmod refuses. */
  cleanup_close int directory = openat (mount, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

  if (directory < 0)
    return error_set (err, errno, "open the tmpfs");
  if (keep_mode (directory, target, options, err) < 0)
    return -1;
  return options->copy_up ? copy_up (target, directory, err) : 0;
}

/* proc and sysfs on a symlink of the image would leave a fake /proc for the paths that are masked or written later. */
static int
open_mount_target (const struct mount_context *context, const struct mount_spec *spec, struct error *err)
{
  int target = path_make_in_root (context->root, spec->destination, PATH_DIRECTORY, err);
  cleanup_close int plain = -1;

  if (target < 0 || (strcmp (spec->type, "proc") != 0 && strcmp (spec->type, "sysfs") != 0))
    return target;
  plain = path_open_no_symlinks (context->root, spec->destination, O_PATH | O_DIRECTORY, err);
  if (plain >= 0)
    return target;
  close (target);
  return -1;
}

/* Whether the mount must be writable until all else is in place. */
static bool
is_readonly_late (const struct mount_spec *spec)
{
  return spec->type != NULL && (strcmp (spec->type, "tmpfs") == 0 || strcmp (spec->type, "cgroup") == 0);
}

/* sysfs shows a network namespace, and only the root of the user namespace that this belongs to may mount it. The
 * container gets the host's /sys then, write-protected. */
static int
open_filesystem (const struct mount_context *context, const struct mount_spec *spec,
                 const struct mount_options *options, struct error *err)
{
  int mount = mount_new (spec->type, spec->source != NULL ? spec->source : spec->type, options, err);

  if (mount >= 0 || err->errnum != EPERM || strcmp (spec->type, "sysfs") != 0
      || spec_namespace (context->spec, CLONE_NEWUSER) == NULL)
    return mount;
  mount = mount_copy (AT_FDCWD, "/sys", true, err);
  if (mount >= 0 && mount_change (mount, true, options->set | MOUNT_ATTR_RDONLY, 0, 0, err) < 0)
    {
      close (mount);
      return -1;
    }
  return mount;
}

static int
make_filesystem (const struct mount_context *context, const struct mount_spec *spec, struct mount_options *options,
                 struct error *err)
{
  cleanup_close int target = open_mount_target (context, spec, err), mount = -1;

  if (target < 0)
    return -1;
  if (options->copy_up && strcmp (spec->type, "tmpfs") != 0)
    return error_set (err, 0, "\"tmpcopyup\" is for tmpfs only");
  if (is_readonly_late (spec))
    options->set &= ~(uint64_t) MOUNT_ATTR_RDONLY;
  mount = open_filesystem (context, spec, options, err);
  if (mount < 0 || (strcmp (spec->type, "tmpfs") == 0 && make_tmpfs (mount, target, options, err) < 0)
      || mount_attach (mount, target, spec->destination, err) < 0)
    return -1;
  return apply_propagation (mount, options, err);
}

static int
make_mount (const struct mount_context *context, size_t index, struct error *err)
{
  const struct mount_spec *spec = &context->spec->mounts[index];
  struct mount_options options;

  if (mount_options_parse (&options, spec->options, err) < 0)
    return -1;
  if (is_bind (spec, &options))
    return make_bind (context, spec, context->sources[index], &options, err);
  if (spec->type == NULL || spec->type[0] == '\0')
    return error_set (err, 0, "\"type\" is missing");
  if (strcmp (spec->type, "cgroup") == 0)
    return mount_cgroup (context, spec->destination, &options, err);
  return make_filesystem (context, spec, &options, err);
}

int
mounts_make (const struct mount_context *context, struct error *err)
{
  for (size_t i = 0; i < context->spec->mount_count; i++)
    if (make_mount (context, i, err) < 0)
      return error_prefix (err, "mount %s", context->spec->mounts[i].destination);
  return 0;
}

int
mounts_finish (const struct mount_context *context, struct error *err)
{
  for (size_t i = 0; i < context->spec->mount_count; i++)
    {
      const struct mount_spec *spec = &context->spec->mounts[i];
      cleanup_close int mount = -1;
      struct mount_options options;

      if (mount_options_parse (&options, spec->options, err) < 0)
        return -1;
      if (is_bind (spec, &options) || !is_readonly_late (spec) || !(options.set & MOUNT_ATTR_RDONLY))
        continue;
      mount = path_open_in_root (context->root, spec->destination, err);
      if (mount < 0 || mount_change (mount, false, MOUNT_ATTR_RDONLY, 0, 0, err) < 0)
        return error_prefix (err, "mount %s", spec->destination);
    }
  return 0;
}
