#include "path.h"

#include "alloc.h"
#include "cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

/* As many as the kernel itself follows in one resolution. */
#define MAX_SYMLINKS 40

static int
open_resolved (int root, const char *path, int flags, uint64_t resolve)
{
  struct open_how how = {
    .flags = (uint64_t) (flags | O_CLOEXEC),
    .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | resolve,
  };
  int fd;

  /* EAGAIN: something was renamed at the same time, and the kernel can't rule out an escape. */
  do
    fd = (int) syscall (SYS_openat2, root, path, &how, sizeof how);
  while (fd < 0 && errno == EAGAIN);
  return fd;
}

int
path_open_in_root (int root, const char *path, struct error *err)
{
  int fd = open_resolved (root, path, O_PATH, 0);

  if (fd < 0)
    return error_set (err, errno, "open %s in the container's root", path);
  return fd;
}

int
path_open_no_symlinks (int root, const char *path, int flags, struct error *err)
{
  int fd = open_resolved (root, path, flags, RESOLVE_NO_SYMLINKS);

  if (fd < 0)
    return error_set (err, errno, "open %s in the container's root without following symlinks", path);
  return fd;
}

/* A symlink that points to nothing stands at PREFIX, whose last component is NAME in directory PARENT. Returns the
 * path that leads where it points, followed by REST. */
static char *
follow_dangling (int parent, const char *prefix, const char *name, const char *rest, struct error *err)
{
  char target[PATH_MAX];
  ssize_t length = readlinkat (parent, name, target, sizeof target - 1);

  if (length < 0)
    {
      error_set (err, errno, "create %s in the container's root", prefix);
      return NULL;
    }
  target[length] = '\0';
  if (target[0] == '/')
    return xasprintf ("%s/%s", target, rest);
  return xasprintf ("%.*s/%s/%s", (int) (strlen (prefix) - strlen (name)), prefix, target, rest);
}

static int
make_one (int parent, const char *name, enum path_kind kind)
{
  if (kind == PATH_DIRECTORY)
    return mkdirat (parent, name, 0755);
  return mknodat (parent, name, S_IFREG | 0644, 0);
}

/* Opens the first END characters of PATH, making the last component if it is missing. When that is a dangling
 * symlink, returns -1 and the path to go on with in *REDIRECTED. */
static int
open_or_make_prefix (int root, const char *path, size_t end, enum path_kind kind, char **redirected, struct error *err)
{
  cleanup_free char *prefix = xasprintf ("%.*s", (int) end, path);
  cleanup_free char *parent_path = xstrdup (prefix);
  cleanup_close int parent = -1;
  char *slash = strrchr (parent_path, '/');
  const char *name = prefix + (slash - parent_path) + 1;
  int fd = open_resolved (root, prefix, O_PATH, 0);

  if (fd >= 0)
    return fd;
  if (errno != ENOENT)
    return error_set (err, errno, "open %s in the container's root", prefix);
  slash[slash == parent_path ? 1 : 0] = '\0';
  parent = path_open_in_root (root, parent_path, err);
  if (parent < 0)
    return -1;
  if (make_one (parent, name, kind) < 0)
    {
      if (errno != EEXIST)
        return error_set (err, errno, "create %s in the container's root", prefix);
      *redirected = follow_dangling (parent, prefix, name, path + end, err);
      return -1;
    }
  return path_open_in_root (root, prefix, err);
}

/* Walks PATH ("/a/b/c") component by component. */
static int
make_along (int root, const char *path, enum path_kind kind, char **redirected, struct error *err)
{
  size_t length = strlen (path), end = 0;
  cleanup_close int fd = -1;

  for (;;)
    {
      bool last;
      int next;

      while (path[end] == '/')
        end++;
      end += strcspn (path + end, "/");
      last = strspn (path + end, "/") == length - end;
      next = open_or_make_prefix (root, path, end, last ? kind : PATH_DIRECTORY, redirected, err);
      if (next < 0)
        return -1;
      if (last)
        return next;
      close (next);
    }
}

int
path_make_in_root (int root, const char *path, enum path_kind kind, struct error *err)
{
  cleanup_free char *current = xasprintf ("/%s", path);
  int fd = open_resolved (root, current, O_PATH, 0);

  if (fd >= 0)
    return fd;
  for (int i = 0; i < MAX_SYMLINKS; i++)
    {
      char *redirected = NULL;

      fd = make_along (root, current, kind, &redirected, err);
      if (fd >= 0 || redirected == NULL)
        return fd;
      free (current);
      current = redirected;
    }
  return error_set (err, ELOOP, "create %s in the container's root", path);
}

int
path_make_parent_in_root (int root, const char *path, const char **name, struct error *err)
{
  const char *slash = strrchr (path, '/');
  cleanup_free char *parent = xasprintf ("/%.*s", slash != NULL ? (int) (slash - path) : 0, path);

  *name = slash != NULL ? slash + 1 : path;
  if (**name == '\0' || strcmp (*name, ".") == 0 || strcmp (*name, "..") == 0)
    return error_set (err, 0, "%s does not name a file", path);
  return path_make_in_root (root, parent, PATH_DIRECTORY, err);
}
