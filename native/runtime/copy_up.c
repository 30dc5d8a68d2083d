#include "copy_up.h"

#include "alloc.h"
#include "cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

static int
copy_file (int source_dir, int target_dir, const char *name, struct error *err)
{
  cleanup_close int source = openat (source_dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
  cleanup_close int target = openat (target_dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  ssize_t n;

  if (source < 0 || target < 0)
    return error_set (err, errno, "copy %s", name);
  while ((n = sendfile (target, source, NULL, 1 << 20)) != 0)
    if (n < 0 && errno != EINTR)
      return error_set (err, errno, "copy %s", name);
  return 0;
}

static int
copy_symlink (int source_dir, int target_dir, const char *name, struct error *err)
{
  char target[PATH_MAX];
  ssize_t n = readlinkat (source_dir, name, target, sizeof target - 1);

  if (n < 0)
    return error_set (err, errno, "read symlink %s", name);
  target[n] = '\0';
  if (symlinkat (target, target_dir, name) < 0)
    return error_set (err, errno, "create symlink %s", name);
  return 0;
}

static int
copy_directory (int source_dir, int target_dir, const char *name, struct error *err)
{
  cleanup_close int source = openat (source_dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  cleanup_close int target = -1;

  if (source < 0 || mkdirat (target_dir, name, 0700) < 0)
    return error_set (err, errno, "copy directory %s", name);
  target = openat (target_dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (target < 0)
    return error_set (err, errno, "open directory %s", name);
  return copy_up (source, target, err);
}

static int
copy_entry (int source_dir, int target_dir, const char *name, struct error *err)
{
  struct stat st;
  int result;

  if (fstatat (source_dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
    return error_set (err, errno, "stat %s", name);
  switch (st.st_mode & S_IFMT)
    {
    case S_IFREG:
      result = copy_file (source_dir, target_dir, name, err);
      break;
    case S_IFLNK:
      result = copy_symlink (source_dir, target_dir, name, err);
      break;
    case S_IFDIR:
      result = copy_directory (source_dir, target_dir, name, err);
      break;
    case S_IFSOCK:
      return 0;
    default:
      result = mknodat (target_dir, name, st.st_mode, st.st_rdev);
      if (result < 0)
        error_set (err, errno, "create %s", name);
    }
  if (result < 0)
    return -1;
  /* The owner first: chown takes away set-user-ID bits. */
  if (fchownat (target_dir, name, st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW) < 0
      || (!S_ISLNK (st.st_mode) && fchmodat (target_dir, name, st.st_mode & 07777, 0) < 0))
    return error_set (err, errno, "set owner and mode of %s", name);
  return 0;
}

int
copy_up (int source, int target, struct error *err)
{
  int fd = openat (source, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  cleanup_dir DIR *dir = fd >= 0 ? fdopendir (fd) : NULL;
  struct dirent *entry;

  if (dir == NULL)
    {
      error_set (err, errno, "read the directory to copy");
      if (fd >= 0)
        close (fd);
      return -1;
    }
  while ((entry = readdir (dir)) != NULL)
    if (strcmp (entry->d_name, ".") != 0 && strcmp (entry->d_name, "..") != 0
        && copy_entry (fd, target, entry->d_name, err) < 0)
      return -1;
  return 0;
}
