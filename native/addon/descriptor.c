/* File descriptors: opened, closed, and locked between processes. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <unistd.h>

#include "addon.h"

napi_value close_fd(napi_env env, napi_callback_info info) {
  napi_value values[1];
  int fd;
  if (!arguments(env, info, 1, values) || !argument_fd(env, values[0], &fd)) return NULL;
  /* On Linux the descriptor is gone even after EINTR: trying again could close somebody else's. */
  if (close(fd) < 0 && errno != EINTR) {
    struct failure failure;
    fail(&failure, "close", NULL);
    return throw_failure(env, &failure);
  }
  return NULL;
}

/* A detached bind mount of the file: in no mount namespace, so nobody can remount it. 20 microseconds: not worth a thread. */
static int open_read_only(const char *path, struct failure *failure) {
  struct mount_attr read_only = {.attr_set = MOUNT_ATTR_RDONLY};
  int fd = open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
  if (fd < 0) return fail(failure, "open_tree", path);
  if (mount_setattr(fd, "", AT_EMPTY_PATH, &read_only, sizeof read_only) == 0) return fd;
  fail(failure, "mount_setattr", path);
  close(fd);
  return -1;
}

napi_value open_read_only_mount(napi_env env, napi_callback_info info) {
  napi_value values[1], result;
  char *path;
  struct failure failure;
  if (!arguments(env, info, 1, values) || !argument_path(env, values[0], &path)) return NULL;
  int fd = open_read_only(path, &failure);
  free(path);
  if (fd < 0) return throw_failure(env, &failure);
  return napi_create_int32(env, fd, &result) == napi_ok ? result : NULL;
}

napi_value try_lock(napi_env env, napi_callback_info info) {
  napi_value values[1], result;
  int fd;
  if (!arguments(env, info, 1, values) || !argument_fd(env, values[0], &fd)) return NULL;
  bool locked = flock(fd, LOCK_EX | LOCK_NB) == 0;
  if (!locked && errno != EWOULDBLOCK) {
    struct failure failure;
    fail(&failure, "flock", NULL);
    return throw_failure(env, &failure);
  }
  return napi_get_boolean(env, locked, &result) == napi_ok ? result : NULL;
}
