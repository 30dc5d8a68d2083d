/* mount(2) and umount2(2), which can take minutes on a network file system. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

#include "addon.h"

struct mount_call {
  struct work work;
  char *source;
  char *target;
  char *fstype;
  char *data;
  unsigned long flags;
};

static void mount_run(struct work *work) {
  struct mount_call *call = (struct mount_call *)work;
  const char *data = call->data[0] == '\0' ? NULL : call->data;
  if (mount(call->source, call->target, call->fstype, call->flags, data) < 0)
    fail(&work->failure, "mount", call->target);
}

static void mount_destroy(struct work *work) {
  struct mount_call *call = (struct mount_call *)work;
  free(call->source);
  free(call->target);
  free(call->fstype);
  free(call->data);
  free(call);
}

napi_value mount_filesystem(napi_env env, napi_callback_info info) {
  struct mount_call *call = work_allocate(env, sizeof *call);
  if (call == NULL) return NULL;
  call->work.run = mount_run;
  call->work.destroy = mount_destroy;
  napi_value values[5];
  int64_t flags;
  if (!arguments(env, info, 5, values) || !argument_string(env, values[0], "source", &call->source) ||
      !argument_string(env, values[1], "target", &call->target) ||
      !argument_string(env, values[2], "fstype", &call->fstype) ||
      !argument_integer(env, values[3], "flags", 0, UINT32_MAX, &flags) ||
      !argument_string(env, values[4], "data", &call->data))
    return work_reject(env, &call->work);
  call->flags = (unsigned long)flags;
  return work_start(env, &call->work);
}

struct unmount_call {
  struct work work;
  char *target;
  int flags;
};

static void unmount_run(struct work *work) {
  struct unmount_call *call = (struct unmount_call *)work;
  if (umount2(call->target, call->flags) < 0) fail(&work->failure, "umount2", call->target);
}

static void unmount_destroy(struct work *work) {
  free(((struct unmount_call *)work)->target);
  free(work);
}

napi_value unmount(napi_env env, napi_callback_info info) {
  struct unmount_call *call = work_allocate(env, sizeof *call);
  if (call == NULL) return NULL;
  call->work.run = unmount_run;
  call->work.destroy = unmount_destroy;
  napi_value values[2];
  int64_t flags;
  if (!arguments(env, info, 2, values) || !argument_string(env, values[0], "target", &call->target) ||
      !argument_integer(env, values[1], "flags", 0, INT_MAX, &flags))
    return work_reject(env, &call->work);
  call->flags = (int)flags;
  return work_start(env, &call->work);
}
