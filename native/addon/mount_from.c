/* A mount of another mount namespace, made a mount of ours: mount(2) refuses to bind what is in another one. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <unistd.h>

#include "addon.h"

struct mount_from {
  struct work work;
  char *mntns;
  char *source;
  char *target;
};

/* A detached copy, which belongs to no namespace. The thread is in the other one afterwards, also when it fails. */
static int copy_there(const char *mntns, const char *source, struct failure *failure) {
  int fd = open(mntns, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return fail(failure, "open", mntns);
  /* Whoever shares its root and directory with other threads can't leave their namespace. */
  int status = unshare(CLONE_FS) < 0 || setns(fd, CLONE_NEWNS) < 0 ? fail(failure, "setns", mntns) : 0;
  close(fd);
  if (status < 0) return -1;
  int tree = open_tree(AT_FDCWD, source, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_SYMLINK_NOFOLLOW);
  return tree < 0 ? fail(failure, "open_tree", source) : tree;
}

static void mount_from_run(struct work *work) {
  struct mount_from *call = (struct mount_from *)work;
  struct failure *failure = &work->failure;
  int own = open("/proc/thread-self/ns/mnt", O_RDONLY | O_CLOEXEC);
  if (own < 0) {
    fail(failure, "open", "/proc/thread-self/ns/mnt");
    return;
  }
  int tree = copy_there(call->mntns, call->source, failure);
  if (tree >= 0) {
    if (setns(own, CLONE_NEWNS) < 0) fail(failure, "setns", "/proc/thread-self/ns/mnt");
    else if (move_mount(tree, "", AT_FDCWD, call->target, MOVE_MOUNT_F_EMPTY_PATH) < 0)
      fail(failure, "move_mount", call->target);
    close(tree);
  }
  close(own);
}

static void mount_from_destroy(struct work *work) {
  struct mount_from *call = (struct mount_from *)work;
  free(call->mntns);
  free(call->source);
  free(call->target);
  free(call);
}

napi_value mount_from(napi_env env, napi_callback_info info) {
  struct mount_from *call = work_allocate(env, sizeof *call);
  if (call == NULL) return NULL;
  call->work.run = mount_from_run;
  call->work.destroy = mount_from_destroy;
  napi_value values[3];
  if (!arguments(env, info, 3, values) || !argument_string(env, values[0], "mntnsPath", &call->mntns) ||
      !argument_string(env, values[1], "source", &call->source) ||
      !argument_string(env, values[2], "target", &call->target))
    return work_reject(env, &call->work);
  return work_start(env, &call->work);
}
