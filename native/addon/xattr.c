/* Extended attributes of files; symbolic links aren't followed. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#include "addon.h"

/* A file system without attributes has none: no error when reading. */
static bool means_none(int error) { return error == ENODATA || error == ENOTSUP; }

typedef ssize_t (*attribute_reader)(const char *path, const char *name, void *buffer, size_t size);

static ssize_t read_list(const char *path, const char *name, void *buffer, size_t size) {
  (void)name;
  return llistxattr(path, buffer, size);
}

/* Reads all of it into a fresh buffer. The size may change between asking and reading. */
static ssize_t read_whole(attribute_reader reader, const char *path, const char *name, char **buffer) {
  for (;;) {
    ssize_t size = reader(path, name, NULL, 0);
    if (size < 0) return -1;
    char *space = malloc((size_t)size + 1);
    if (space == NULL) return -1;
    ssize_t length = size == 0 ? 0 : reader(path, name, space, (size_t)size);
    if (length >= 0) {
      *buffer = space;
      return length;
    }
    free(space);
    if (errno != ERANGE) return -1;
  }
}

static bool read_path_and_name(napi_env env, napi_value *values, char **path, char **name) {
  if (!argument_path(env, values[0], path)) return false;
  if (argument_string(env, values[1], "name", name)) return true;
  free(*path);
  return false;
}

napi_value get_xattr(napi_env env, napi_callback_info info) {
  napi_value values[2], result = NULL;
  char *path = NULL, *name = NULL, *value = NULL;
  if (!arguments(env, info, 2, values) || !read_path_and_name(env, values, &path, &name)) return NULL;
  ssize_t length = read_whole(lgetxattr, path, name, &value);
  if (length >= 0) {
    napi_create_buffer_copy(env, (size_t)length, value, NULL, &result);
  } else if (means_none(errno)) {
    napi_get_null(env, &result);
  } else {
    struct failure failure;
    fail(&failure, "lgetxattr", path);
    throw_failure(env, &failure);
  }
  free(value);
  free(path);
  free(name);
  return result;
}

napi_value set_xattr(napi_env env, napi_callback_info info) {
  napi_value values[3];
  char *path = NULL, *name = NULL;
  const uint8_t *data;
  size_t length;
  if (!arguments(env, info, 3, values) || !argument_bytes(env, values[2], "value", &data, &length) ||
      !read_path_and_name(env, values, &path, &name))
    return NULL;
  if (lsetxattr(path, name, data, length, 0) < 0) {
    struct failure failure;
    fail(&failure, "lsetxattr", path);
    throw_failure(env, &failure);
  }
  free(path);
  free(name);
  return NULL;
}

napi_value remove_xattr(napi_env env, napi_callback_info info) {
  napi_value values[2];
  char *path = NULL, *name = NULL;
  if (!arguments(env, info, 2, values) || !read_path_and_name(env, values, &path, &name)) return NULL;
  if (lremovexattr(path, name) < 0 && !means_none(errno)) {
    struct failure failure;
    fail(&failure, "lremovexattr", path);
    throw_failure(env, &failure);
  }
  free(path);
  free(name);
  return NULL;
}

static napi_value names_to_array(napi_env env, const char *names, size_t length) {
  napi_value array, item;
  if (napi_create_array(env, &array) != napi_ok) return NULL;
  uint32_t index = 0;
  for (const char *name = names; name < names + length; name += strlen(name) + 1) {
    if (napi_create_string_utf8(env, name, NAPI_AUTO_LENGTH, &item) != napi_ok) return NULL;
    if (napi_set_element(env, array, index++, item) != napi_ok) return NULL;
  }
  return array;
}

napi_value list_xattr(napi_env env, napi_callback_info info) {
  napi_value values[1], result = NULL;
  char *path = NULL, *names = NULL;
  if (!arguments(env, info, 1, values) || !argument_path(env, values[0], &path)) return NULL;
  ssize_t length = read_whole(read_list, path, NULL, &names);
  if (length >= 0 || means_none(errno)) {
    result = names_to_array(env, names, length < 0 ? 0 : (size_t)length);
  } else {
    struct failure failure;
    fail(&failure, "llistxattr", path);
    throw_failure(env, &failure);
  }
  free(names);
  free(path);
  return result;
}
