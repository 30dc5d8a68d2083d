/* What the addon's files share: argument checks, errors, and calls that run on a thread of their own. */
#ifndef GANTRY_ADDON_H
#define GANTRY_ADDON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NAPI_VERSION 8
#include <node_api.h>

/* ---- error.c ---- */

/* A failed system call: what Node shows as code, errno and syscall. error == 0 means success. */
struct failure {
  int error;
  const char *syscall; /* static string */
  char subject[512];   /* what it was done to; cut when longer */
};

/* Records errno (which must be set) and returns -1, so that callers can `return fail(...)`. */
int fail(struct failure *failure, const char *syscall, const char *subject);
/* The same with an error number of the caller's. */
int fail_with(struct failure *failure, int error, const char *syscall, const char *subject);
/* The failure as a JavaScript Error with code, errno and syscall. */
napi_value failure_to_error(napi_env env, const struct failure *failure);
/* Throws it; returns NULL, so that callers can `return throw_failure(...)`. */
napi_value throw_failure(napi_env env, const struct failure *failure);
napi_value throw_out_of_memory(napi_env env);
/* Throws a TypeError with Node's code for bad arguments; returns NULL. */
napi_value throw_argument(napi_env env, const char *name, const char *expected);

/* ---- arguments.c: each returns false with an exception pending when the value won't do ---- */

/* Reads exactly `count` arguments. */
bool arguments(napi_env env, napi_callback_info info, size_t count, napi_value *values);
/* A string without NUL bytes of at most 64 KiB, to be freed. */
bool argument_string(napi_env env, napi_value value, const char *name, char **string);
/* The same, or NULL for JavaScript's null. */
bool argument_string_or_null(napi_env env, napi_value value, const char *name, char **string);
/* From minimum to maximum such strings, of an array. Ends with NULL; for free_strings, also after a failure. */
bool argument_strings(napi_env env, napi_value value, const char *name, uint32_t minimum, uint32_t maximum,
                      char ***strings);
void free_strings(char **strings);
/* A path: such a string, or a Uint8Array of its bytes, as not every file name is UTF-8. To be freed. */
bool argument_path(napi_env env, napi_value value, char **path);
/* An integer from minimum to maximum, which are within ±2^53. */
bool argument_integer(napi_env env, napi_value value, const char *name, int64_t minimum, int64_t maximum, int64_t *integer);
/* A file descriptor. */
bool argument_fd(napi_env env, napi_value value, int *fd);
/* Points into the Uint8Array: valid until the native call returns. */
bool argument_bytes(napi_env env, napi_value value, const char *name, const uint8_t **data, size_t *length);
/* A property of an object. */
bool argument_property(napi_env env, napi_value object, const char *name, napi_value *value);

/* ---- work.c ---- */

/* One call that returns a promise. It is the first member of the call's own struct. */
struct work {
  /* Runs on a fresh thread, which ends with it: it may change that thread's namespaces and directory. Fills failure. */
  void (*run)(struct work *work);
  /* Makes the promise's value on JavaScript's thread; NULL stands for undefined. */
  napi_value (*result)(napi_env env, struct work *work);
  /* Frees the struct and what it holds, including results that nobody took. */
  void (*destroy)(struct work *work);
  struct failure failure;
  /* work.c's own */
  napi_deferred deferred;
  napi_threadsafe_function done;
};

/* A zeroed call's struct of that size; NULL with an exception pending. */
void *work_allocate(napi_env env, size_t size);
/* Starts the work, which it owns from here on, and returns the promise. */
napi_value work_start(napi_env env, struct work *work);
/* Turns the pending exception of a failed argument check into a rejected promise. `work` (or NULL) is destroyed. */
napi_value work_reject(napi_env env, struct work *work);

/* ---- netns.c ---- */

/* Moves the calling thread into the namespace. */
int enter_netns(const char *path, struct failure *failure);

/* ---- the exported functions ---- */

napi_value create_netns(napi_env env, napi_callback_info info);
napi_value socket_in_netns(napi_env env, napi_callback_info info);
napi_value write_sysctl(napi_env env, napi_callback_info info);
napi_value netlink_open(napi_env env, napi_callback_info info);
napi_value netlink_request(napi_env env, napi_callback_info info);
napi_value netlink_subscribe(napi_env env, napi_callback_info info);
napi_value close_fd(napi_env env, napi_callback_info info);
napi_value open_read_only_mount(napi_env env, napi_callback_info info);
napi_value mount_filesystem(napi_env env, napi_callback_info info);
napi_value unmount(napi_env env, napi_callback_info info);
napi_value mount_overlay(napi_env env, napi_callback_info info);
napi_value get_xattr(napi_env env, napi_callback_info info);
napi_value set_xattr(napi_env env, napi_callback_info info);
napi_value remove_xattr(napi_env env, napi_callback_info info);
napi_value list_xattr(napi_env env, napi_callback_info info);
napi_value spread_subdirectories(napi_env env, napi_callback_info info);
napi_value make_node(napi_env env, napi_callback_info info);
napi_value enter_root(napi_env env, napi_callback_info info);
napi_value spawn_daemon(napi_env env, napi_callback_info info);
napi_value reap(napi_env env, napi_callback_info info);
napi_value try_lock(napi_env env, napi_callback_info info);
napi_value mount_from(napi_env env, napi_callback_info info);
napi_value connect_datagram(napi_env env, napi_callback_info info);
napi_value send_datagram(napi_env env, napi_callback_info info);

#endif
