/*
 * Overlay mounts of any number of layers.
 *
 * mount(2) takes one page of options, which some thirty layer paths fill. fsopen(2) takes the layers one by
 * one ("lowerdir+", Linux 6.8). On older kernels the layers are opened and named by their descriptors from
 * within /proc/self/fd, "12:13:14", so that overlayfs's own maximum of 500 layers fits into the page.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "addon.h"

#define MAX_LAYERS 500
#define MAX_OPTIONS 4096
/* fsconfig(2) refuses longer strings. */
#define MAX_FSCONFIG_STRING 255

/* Off, whatever the kernel's default: an upper directory then holds whole files, which is what images are made of. */
static const char *const FIXED_OPTIONS[][2] = {{"index", "off"}, {"redirect_dir", "off"}, {"metacopy", "off"}};
#define FIXED_OPTIONS_TEXT "index=off,redirect_dir=off,metacopy=off"

struct overlay_call {
  struct work work;
  char **lower;
  uint32_t lower_count;
  char *upper;
  char *work_dir;
  char *target;
  bool is_volatile;
};

/* ---- the way of Linux 6.8 ---- */

/* Overlayfs unescapes some options; such paths, and long ones, are named through a descriptor instead. */
static bool can_be_named(const char *path) {
  return strlen(path) <= MAX_FSCONFIG_STRING && strpbrk(path, "\\:,") == NULL;
}

static int configure_directory(int context, const char *key, const char *path) {
  if (can_be_named(path)) return fsconfig(context, FSCONFIG_SET_STRING, key, path, 0);
  int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return -1;
  char name[64];
  snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
  int status = fsconfig(context, FSCONFIG_SET_STRING, key, name, 0);
  int error = errno;
  close(fd);
  errno = error;
  return status;
}

static int configure(int context, const struct overlay_call *call) {
  for (uint32_t i = 0; i < call->lower_count; i++)
    if (configure_directory(context, "lowerdir+", call->lower[i]) < 0) return -1;
  if (call->upper != NULL && (configure_directory(context, "upperdir", call->upper) < 0 ||
                              configure_directory(context, "workdir", call->work_dir) < 0))
    return -1;
  for (size_t i = 0; i < sizeof FIXED_OPTIONS / sizeof *FIXED_OPTIONS; i++)
    if (fsconfig(context, FSCONFIG_SET_STRING, FIXED_OPTIONS[i][0], FIXED_OPTIONS[i][1], 0) < 0) return -1;
  if (call->is_volatile && fsconfig(context, FSCONFIG_SET_FLAG, "volatile", NULL, 0) < 0) return -1;
  fsconfig(context, FSCONFIG_SET_STRING, "source", "overlay", 0);
  return fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
}

static int mount_by_layers(const struct overlay_call *call) {
  int context = fsopen("overlay", FSOPEN_CLOEXEC);
  if (context < 0) return -1;
  int status = configure(context, call);
  int mount_fd = status < 0 ? -1 : fsmount(context, FSMOUNT_CLOEXEC, 0);
  if (mount_fd >= 0) status = move_mount(mount_fd, "", AT_FDCWD, call->target, MOVE_MOUNT_F_EMPTY_PATH);
  int error = errno;
  if (mount_fd >= 0) close(mount_fd);
  close(context);
  errno = error;
  return mount_fd < 0 ? -1 : status;
}

/* ---- the way of older kernels ---- */

static int open_directories(const struct overlay_call *call, int *fds, int *upper, int *work_dir) {
  for (uint32_t i = 0; i < call->lower_count; i++) {
    fds[i] = open(call->lower[i], O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fds[i] < 0) return -1;
  }
  if (call->upper == NULL) return 0;
  *upper = open(call->upper, O_PATH | O_DIRECTORY | O_CLOEXEC);
  *work_dir = open(call->work_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
  return *upper < 0 || *work_dir < 0 ? -1 : 0;
}

static int mount_options(const struct overlay_call *call, const int *fds, int upper, int work_dir) {
  char options[MAX_OPTIONS];
  size_t used = (size_t)snprintf(options, sizeof options, "%s%s,lowerdir=", FIXED_OPTIONS_TEXT, call->is_volatile ? ",volatile" : "");
  for (uint32_t i = 0; i < call->lower_count && used < sizeof options; i++)
    used += (size_t)snprintf(options + used, sizeof options - used, i == 0 ? "%d" : ":%d", fds[i]);
  if (call->upper != NULL && used < sizeof options)
    used += (size_t)snprintf(options + used, sizeof options - used, ",upperdir=%d,workdir=%d", upper, work_dir);
  if (used >= sizeof options) {
    errno = E2BIG;
    return -1;
  }
  return mount("overlay", call->target, "overlay", 0, options);
}

/* Layers named relative to /proc/self/fd: the thread's own directory is changed, and the thread ends afterwards. */
static int mount_by_descriptors(const struct overlay_call *call) {
  int fds[MAX_LAYERS], upper = -1, work_dir = -1;
  for (uint32_t i = 0; i < call->lower_count; i++) fds[i] = -1;
  int status = open_directories(call, fds, &upper, &work_dir);
  if (status == 0) status = unshare(CLONE_FS);
  if (status == 0) status = chdir("/proc/self/fd");
  if (status == 0) status = mount_options(call, fds, upper, work_dir);
  int error = errno;
  for (uint32_t i = 0; i < call->lower_count; i++)
    if (fds[i] >= 0) close(fds[i]);
  if (upper >= 0) close(upper);
  if (work_dir >= 0) close(work_dir);
  errno = error;
  return status;
}

/* ---- one layer ---- */

/* Overlayfs refuses a single lower directory without an upper one: the same is had by a read-only bind mount. */
static int mount_single_layer(const struct overlay_call *call) {
  if (mount(call->lower[0], call->target, NULL, MS_BIND, NULL) < 0) return -1;
  if (mount(NULL, call->target, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL) == 0) return 0;
  int error = errno;
  umount2(call->target, MNT_DETACH);
  errno = error;
  return -1;
}

/* An older kernel doesn't know the call (ENOSYS) or the option (EINVAL), and writes the latter to its log: it is asked
 * once, not for each container. */
static int mount_layers(const struct overlay_call *call) {
  static atomic_bool kernel_is_old;
  if (!atomic_load(&kernel_is_old)) {
    int status = mount_by_layers(call);
    if (status == 0 || (errno != ENOSYS && errno != EINVAL)) return status;
  }
  int status = mount_by_descriptors(call);
  /* What only the old way can do tells old kernels from bad layers, which both ways refuse. */
  if (status == 0) atomic_store(&kernel_is_old, true);
  return status;
}

static void overlay_run(struct work *work) {
  const struct overlay_call *call = (const struct overlay_call *)work;
  bool single = call->upper == NULL && call->lower_count == 1;
  int status = single ? mount_single_layer(call) : mount_layers(call);
  if (status < 0) fail(&work->failure, "mount", call->target);
}

static void overlay_destroy(struct work *work) {
  struct overlay_call *call = (struct overlay_call *)work;
  free_strings(call->lower);
  free(call->upper);
  free(call->work_dir);
  free(call->target);
  free(call);
}

static bool read_durability(napi_env env, napi_value object, struct overlay_call *call) {
  napi_value value;
  char *durability = NULL;
  if (!argument_property(env, object, "durability", &value) || !argument_string(env, value, "durability", &durability))
    return false;
  call->is_volatile = strcmp(durability, "volatile") == 0;
  bool known = call->is_volatile || strcmp(durability, "durable") == 0;
  free(durability);
  if (!known) return throw_argument(env, "durability", "durable or volatile") != NULL;
  if (call->is_volatile && call->upper == NULL)
    return throw_argument(env, "durability", "volatile only with upper") != NULL;
  return true;
}

static bool read_overlay_arguments(napi_env env, napi_callback_info info, struct overlay_call *call) {
  napi_value object[1], lower, upper, work_dir, target;
  bool read = arguments(env, info, 1, object) && argument_property(env, object[0], "lower", &lower) &&
              argument_strings(env, lower, "lower", 1, MAX_LAYERS, &call->lower) &&
              argument_property(env, object[0], "upper", &upper) &&
              argument_string_or_null(env, upper, "upper", &call->upper) &&
              argument_property(env, object[0], "work", &work_dir) &&
              argument_string_or_null(env, work_dir, "work", &call->work_dir) &&
              argument_property(env, object[0], "target", &target) &&
              argument_string(env, target, "target", &call->target);
  if (!read || !read_durability(env, object[0], call)) return false;
  while (call->lower[call->lower_count] != NULL) call->lower_count++;
  if ((call->upper == NULL) != (call->work_dir == NULL))
    return throw_argument(env, "work", "given with upper, and only then") != NULL;
  return true;
}

napi_value mount_overlay(napi_env env, napi_callback_info info) {
  struct overlay_call *call = work_allocate(env, sizeof *call);
  if (call == NULL) return NULL;
  call->work.run = overlay_run;
  call->work.destroy = overlay_destroy;
  if (!read_overlay_arguments(env, info, call)) return work_reject(env, &call->work);
  return work_start(env, &call->work);
}
