/* Another root directory for one thread: what follows links in a container's file system must do so within it. */
#include <errno.h>
#include <sched.h>
#include <unistd.h>

#include "addon.h"

static int enter(int directory, struct failure *failure) {
  /* Root and working directory are the whole process's until the thread has its own. */
  if (unshare(CLONE_FS) < 0) return fail(failure, "unshare", NULL);
  if (fchdir(directory) < 0) return fail(failure, "fchdir", NULL);
  if (chroot(".") < 0) return fail(failure, "chroot", NULL);
  return 0;
}

napi_value enter_root(napi_env env, napi_callback_info info) {
  napi_value values[1];
  int directory;
  if (!arguments(env, info, 1, values) || !argument_fd(env, values[0], &directory)) return NULL;
  struct failure failure = {0};
  if (enter(directory, &failure) < 0) return throw_failure(env, &failure);
  return NULL;
}
