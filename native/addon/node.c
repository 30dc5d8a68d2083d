/* Device nodes, pipes and sockets in a file system: mknod(2). */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "addon.h"

#define MAX_MAJOR 0xfff
#define MAX_MINOR 0xfffff

napi_value make_node(napi_env env, napi_callback_info info) {
  napi_value values[4];
  char *path = NULL;
  int64_t mode, major_number, minor_number;
  if (!arguments(env, info, 4, values) || !argument_integer(env, values[1], "mode", 0, 0177777, &mode) ||
      !argument_integer(env, values[2], "major", 0, MAX_MAJOR, &major_number) ||
      !argument_integer(env, values[3], "minor", 0, MAX_MINOR, &minor_number) ||
      !argument_path(env, values[0], &path))
    return NULL;
  struct failure failure = {0};
  if (mknod(path, (mode_t)mode, makedev((unsigned)major_number, (unsigned)minor_number)) < 0) {
    fail(&failure, "mknod", path);
  } else if (chmod(path, (mode_t)mode & 07777) < 0) { /* mknod has applied the umask */
    fail(&failure, "chmod", path);
    unlink(path);
  }
  free(path);
  if (failure.error != 0) throw_failure(env, &failure);
  return NULL;
}
