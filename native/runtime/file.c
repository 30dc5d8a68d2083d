#include "file.h"

#include "alloc.h"
#include "cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

int
read_file_at (int dirfd, const char *path, char **content, size_t *length, struct error *err)
{
  cleanup_close int fd = openat (dirfd, path, O_RDONLY | O_CLOEXEC);
  cleanup_free char *buffer = NULL;
  size_t used = 0, capacity = 0;
  struct stat st;

  if (fd < 0)
    return error_set (err, errno, "open %s", path);
  /* Files in /proc and cgroupfs have size 0; the buffer grows then. One more than the size finds the end at once. */
  if (fstat (fd, &st) < 0)
    return error_set (err, errno, "stat %s", path);
  capacity = st.st_size > 0 ? (size_t) st.st_size + 2 : 4096;
  buffer = xcalloc (1, capacity);

  for (;;)
    {
      ssize_t n = read (fd, buffer + used, capacity - used - 1);
      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        return error_set (err, errno, "read %s", path);
      if (n == 0)
        break;
      used += (size_t) n;
      if (used + 1 >= capacity)
        buffer = xrealloc (buffer, capacity *= 2);
    }
  buffer[used] = '\0';
  if (length != NULL)
    *length = used;
  *content = buffer;
  buffer = NULL;
  return 0;
}

int
write_kernel_file_at (int dirfd, const char *path, const char *value, struct error *err)
{
  cleanup_close int fd = openat (dirfd, path, O_WRONLY | O_CLOEXEC);
  ssize_t n;

  if (fd < 0)
    return error_set (err, errno, "open %s", path);
  do
    n = write (fd, value, strlen (value));
  while (n < 0 && errno == EINTR);
  if (n < 0)
    return error_set (err, errno, "write \"%s\" to %s", value, path);
  return 0;
}

int
write_all (int fd, const void *data, size_t length)
{
  const char *rest = data;

  while (length > 0)
    {
      ssize_t n = write (fd, rest, length);
      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        return -1;
      rest += n;
      length -= (size_t) n;
    }
  return 0;
}

int
replace_file_at (int dirfd, const char *name, const char *content, size_t length, mode_t mode, struct error *err)
{
  cleanup_free char *temporary = xasprintf ("%s.%d", name, (int) getpid ());
  cleanup_close int fd = openat (dirfd, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

  if (fd < 0)
    return error_set (err, errno, "create %s", temporary);
  if (write_all (fd, content, length) < 0 || renameat (dirfd, temporary, dirfd, name) < 0)
    {
      error_set (err, errno, "write %s", name);
      unlinkat (dirfd, temporary, 0);
      return -1;
    }
  return 0;
}

int
make_directories (const char *path, mode_t mode, struct error *err)
{
  cleanup_free char *copy = xstrdup (path);

  for (char *p = copy + 1; *p != '\0'; p++)
    {
      if (*p != '/')
        continue;
      *p = '\0';
      if (mkdir (copy, mode) < 0 && errno != EEXIST)
        return error_set (err, errno, "create directory %s", copy);
      *p = '/';
    }
  if (mkdir (copy, mode) < 0 && errno != EEXIST)
    return error_set (err, errno, "create directory %s", copy);
  return 0;
}

int
remove_flat_directory (const char *path, struct error *err)
{
  cleanup_dir DIR *dir = opendir (path);
  struct dirent *entry;

  if (dir == NULL && errno == ENOENT)
    return 0;
  if (dir == NULL)
    return error_set (err, errno, "open %s", path);
  while ((entry = readdir (dir)) != NULL)
    {
      if (strcmp (entry->d_name, ".") == 0 || strcmp (entry->d_name, "..") == 0)
        continue;
      if (unlinkat (dirfd (dir), entry->d_name, 0) < 0 && errno != ENOENT)
        return error_set (err, errno, "remove %s/%s", path, entry->d_name);
    }
  if (rmdir (path) < 0 && errno != ENOENT)
    return error_set (err, errno, "remove %s", path);
  return 0;
}
