/* System call failures as JavaScript errors that look like Node's own. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "addon.h"

int fail_with(struct failure *failure, int error, const char *syscall, const char *subject) {
  failure->error = error;
  failure->syscall = syscall;
  snprintf(failure->subject, sizeof failure->subject, "%s", subject == NULL ? "" : subject);
  return -1;
}

int fail(struct failure *failure, const char *syscall, const char *subject) {
  return fail_with(failure, errno, syscall, subject);
}

static void set_string(napi_env env, napi_value object, const char *name, const char *string) {
  napi_value value;
  if (napi_create_string_utf8(env, string, NAPI_AUTO_LENGTH, &value) == napi_ok)
    napi_set_named_property(env, object, name, value);
}

napi_value failure_to_error(napi_env env, const struct failure *failure) {
  const char *code = strerrorname_np(failure->error);
  if (code == NULL) code = "UNKNOWN";
  char message[1024];
  snprintf(message, sizeof message, "%s: %s, %s%s%s%s", code, strerrordesc_np(failure->error), failure->syscall,
           failure->subject[0] == '\0' ? "" : " '", failure->subject, failure->subject[0] == '\0' ? "" : "'");

  napi_value text, error, number;
  if (napi_create_string_utf8(env, message, NAPI_AUTO_LENGTH, &text) != napi_ok) return NULL;
  if (napi_create_error(env, NULL, text, &error) != napi_ok) return NULL;
  set_string(env, error, "code", code);
  set_string(env, error, "syscall", failure->syscall);
  /* Node's convention: the negative error number. */
  if (napi_create_int32(env, -failure->error, &number) == napi_ok) napi_set_named_property(env, error, "errno", number);
  return error;
}

napi_value throw_failure(napi_env env, const struct failure *failure) {
  napi_value error = failure_to_error(env, failure);
  if (error != NULL) napi_throw(env, error);
  return NULL;
}

napi_value throw_out_of_memory(napi_env env) {
  struct failure failure;
  fail_with(&failure, ENOMEM, "malloc", NULL);
  return throw_failure(env, &failure);
}

napi_value throw_argument(napi_env env, const char *name, const char *expected) {
  char message[256];
  snprintf(message, sizeof message, "The \"%s\" argument must be %s", name, expected);
  napi_throw_type_error(env, "ERR_INVALID_ARG_VALUE", message);
  return NULL;
}
