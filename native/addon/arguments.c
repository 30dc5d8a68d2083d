/* Checks of what JavaScript passes in. A wrong argument is an exception, never a crash. */
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "addon.h"

#define MAX_STRING (64 * 1024)

bool arguments(napi_env env, napi_callback_info info, size_t count, napi_value *values) {
  size_t given = count;
  /* Missing ones are filled with undefined, which every check below refuses. */
  return napi_get_cb_info(env, info, &given, values, NULL, NULL) == napi_ok;
}

static bool is_type(napi_env env, napi_value value, napi_valuetype wanted) {
  napi_valuetype type;
  return napi_typeof(env, value, &type) == napi_ok && type == wanted;
}

bool argument_string(napi_env env, napi_value value, const char *name, char **string) {
  size_t length;
  if (!is_type(env, value, napi_string) || napi_get_value_string_utf8(env, value, NULL, 0, &length) != napi_ok) {
    throw_argument(env, name, "a string");
    return false;
  }
  if (length > MAX_STRING) {
    throw_argument(env, name, "a string of at most 64 KiB");
    return false;
  }
  char *copy = malloc(length + 1);
  if (copy == NULL || napi_get_value_string_utf8(env, value, copy, length + 1, &length) != napi_ok) {
    free(copy);
    throw_argument(env, name, "a string that fits into memory");
    return false;
  }
  /* A path that the kernel would read as a shorter one. */
  if (strlen(copy) != length) {
    free(copy);
    throw_argument(env, name, "a string without NUL bytes");
    return false;
  }
  *string = copy;
  return true;
}

bool argument_string_or_null(napi_env env, napi_value value, const char *name, char **string) {
  if (is_type(env, value, napi_null)) {
    *string = NULL;
    return true;
  }
  return argument_string(env, value, name, string);
}

bool argument_strings(napi_env env, napi_value value, const char *name, uint32_t minimum, uint32_t maximum,
                      char ***strings) {
  bool is_array = false;
  uint32_t count = 0;
  if (napi_is_array(env, value, &is_array) != napi_ok || !is_array ||
      napi_get_array_length(env, value, &count) != napi_ok || count < minimum || count > maximum) {
    char expected[64];
    snprintf(expected, sizeof expected, "an array of %u to %u strings", minimum, maximum);
    return throw_argument(env, name, expected) != NULL;
  }
  *strings = calloc(count + 1, sizeof **strings);
  if (*strings == NULL) return throw_out_of_memory(env) != NULL;
  for (uint32_t i = 0; i < count; i++) {
    napi_value item;
    if (napi_get_element(env, value, i, &item) != napi_ok || !argument_string(env, item, name, &(*strings)[i]))
      return false;
  }
  return true;
}

void free_strings(char **strings) {
  for (size_t i = 0; strings != NULL && strings[i] != NULL; i++) free(strings[i]);
  free(strings);
}

bool argument_path(napi_env env, napi_value value, char **path) {
  bool typed = false;
  if (napi_is_typedarray(env, value, &typed) != napi_ok || !typed) return argument_string(env, value, "path", path);
  const uint8_t *data;
  size_t length;
  if (!argument_bytes(env, value, "path", &data, &length)) return false;
  char *copy = length > MAX_STRING ? NULL : malloc(length + 1);
  if (copy == NULL || memchr(data, '\0', length) != NULL) {
    free(copy);
    throw_argument(env, "path", "of at most 64 KiB without NUL bytes");
    return false;
  }
  memcpy(copy, data, length);
  copy[length] = '\0';
  *path = copy;
  return true;
}

bool argument_integer(napi_env env, napi_value value, const char *name, int64_t minimum, int64_t maximum,
                      int64_t *integer) {
  double number;
  if (!is_type(env, value, napi_number) || napi_get_value_double(env, value, &number) != napi_ok ||
      !isfinite(number) || number != floor(number) || number < (double)minimum || number > (double)maximum) {
    throw_argument(env, name, "an integer in its range");
    return false;
  }
  *integer = (int64_t)number;
  return true;
}

bool argument_fd(napi_env env, napi_value value, int *fd) {
  int64_t integer;
  if (!argument_integer(env, value, "fd", 0, INT_MAX, &integer)) return false;
  *fd = (int)integer;
  return true;
}

bool argument_bytes(napi_env env, napi_value value, const char *name, const uint8_t **data, size_t *length) {
  bool typed = false;
  napi_typedarray_type type;
  void *start;
  if (napi_is_typedarray(env, value, &typed) != napi_ok || !typed ||
      napi_get_typedarray_info(env, value, &type, length, &start, NULL, NULL) != napi_ok ||
      type != napi_uint8_array) {
    throw_argument(env, name, "a Uint8Array");
    return false;
  }
  *data = start;
  return true;
}

bool argument_property(napi_env env, napi_value object, const char *name, napi_value *value) {
  if (!is_type(env, object, napi_object) || napi_get_named_property(env, object, name, value) != napi_ok) {
    bool pending = false;
    if (napi_is_exception_pending(env, &pending) == napi_ok && !pending) throw_argument(env, name, "in an object");
    return false;
  }
  return true;
}
