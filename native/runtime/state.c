#include "state.h"

#include "cleanup.h"
#include "document.h"
#include "field.h"
#include "file.h"
#include "pidfd.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

int
state_check_id (const char *id, struct error *err)
{
  for (const char *p = id; *p != '\0'; p++)
    if (!isalnum ((unsigned char) *p) && strchr ("_+-.", *p) == NULL)
      return error_set (err, 0, "invalid container id \"%s\": use letters, digits, _ + - and .", id);
  if (strspn (id, ".") == strlen (id) || strlen (id) > 1024)
    return error_set (err, 0, "invalid container id \"%s\"", id);
  return 0;
}

int
state_create_directory (const char *root, const char *id, struct error *err)
{
  cleanup_free char *directory = xasprintf ("%s/%s", root, id);

  if (make_directories (root, 0700, err) < 0)
    return -1;
  if (mkdir (directory, 0700) < 0)
    return errno == EEXIST ? error_set (err, 0, "container with given ID already exists: %s", id)
                           : error_set (err, errno, "create %s", directory);
  return 0;
}

int
state_save (const struct state *state, struct error *err)
{
  cleanup_free char *path = xasprintf ("%s/" STATE_FILE, state->directory), *text = NULL;
  cleanup_json json_t *json
      = json_pack ("{s:i, s:s, s:s, s:i, s:I, s:s, s:s, s:s, s:s, s:b, s:O?}", "version", 1, "ociVersion",
                   state->oci_version, "id", state->id, "pid", (int) state->pid, "startTime",
                   (json_int_t) state->start_time, "bundle", state->bundle, "rootfs", state->rootfs, "created",
                   state->created, "cgroupPath", state->cgroup_path, "laterHooks", state->has_later_hooks, "annotations",
                   state->annotations);

  text = json != NULL ? json_dumps (json, JSON_INDENT (1)) : NULL;
  if (text == NULL)
    return error_set (err, 0, "write %s: not valid UTF-8", path);
  return replace_file_at (AT_FDCWD, path, text, strlen (text), 0600, err);
}

static int
copy_string (json_t *json, const char *key, char **out, struct error *err)
{
  const char *value = NULL;

  if (field_string (json, key, &value, err) < 0)
    return -1;
  if (value == NULL)
    return error_set (err, 0, "\"%s\" is missing", key);
  *out = xstrdup (value);
  return 0;
}

static int
read_fields (struct state *state, json_t *json, struct error *err)
{
  struct optional_int pid = { false, 0 }, start_time = { false, 0 };

  state->has_later_hooks = true; /* an older runtime didn't say */
  if (copy_string (json, "ociVersion", &state->oci_version, err) < 0 || copy_string (json, "id", &state->id, err) < 0
      || copy_string (json, "bundle", &state->bundle, err) < 0
      || copy_string (json, "rootfs", &state->rootfs, err) < 0
      || copy_string (json, "created", &state->created, err) < 0
      || copy_string (json, "cgroupPath", &state->cgroup_path, err) < 0 || field_int (json, "pid", &pid, err) < 0
      || field_int (json, "startTime", &start_time, err) < 0
      || field_bool (json, "laterHooks", &state->has_later_hooks, err) < 0
      || field_object (json, "annotations", &state->annotations, err) < 0)
    return -1;
  json_incref (state->annotations);
  state->pid = (pid_t) pid.value;
  state->start_time = (uint64_t) start_time.value;
  return 0;
}

int
state_load (struct state *state, const char *root, const char *id, struct error *err)
{
  cleanup_free char *path = xasprintf ("%s/%s/" STATE_FILE, root, id), *text = NULL;
  cleanup_json json_t *json = NULL;
  size_t length;

  memset (state, 0, sizeof *state);
  if (state_check_id (id, err) < 0)
    return -1;
  if (read_file_at (AT_FDCWD, path, &text, &length, err) < 0)
    {
      if (err->errnum == ENOENT)
        {
          error_set (err, 0, "container does not exist: %s", id);
          err->errnum = ENOENT;
        }
      return -1;
    }
  json = document_parse (text, length, path, err);
  if (json == NULL)
    return -1;
  state->directory = xasprintf ("%s/%s", root, id);
  if (read_fields (state, json, err) < 0)
    return error_prefix (err, "%s", path);
  return 0;
}

void
state_free (struct state *state)
{
  free (state->id);
  free (state->bundle);
  free (state->oci_version);
  free (state->created);
  free (state->cgroup_path);
  free (state->rootfs);
  free (state->directory);
  json_decref (state->annotations);
  memset (state, 0, sizeof *state);
}

enum status
state_status (const struct state *state)
{
  cleanup_free char *fifo = xasprintf ("%s/" START_FIFO, state->directory);
  struct cgroup cgroup = { 0 };
  struct error ignored;
  bool frozen;

  if (state->pid == 0)
    return STATUS_CREATING;
  if (process_start_time (state->pid) != state->start_time)
    return STATUS_STOPPED;
  if (access (fifo, F_OK) == 0)
    return STATUS_CREATED;
  frozen = state_locate_cgroup (state, &cgroup, &ignored) == 0 && cgroup_is_frozen (&cgroup);
  cgroup_free (&cgroup);
  return frozen ? STATUS_PAUSED : STATUS_RUNNING;
}

const char *
status_name (enum status status)
{
  static const char *const names[] = {
    [STATUS_CREATING] = "creating", [STATUS_CREATED] = "created", [STATUS_RUNNING] = "running",
    [STATUS_PAUSED] = "paused",     [STATUS_STOPPED] = "stopped",
  };
  return names[status];
}

int
state_open_process (const struct state *state, struct error *err)
{
  int pidfd = pidfd_open_verified (state->pid, state->start_time);

  if (pidfd < 0)
    {
      int errnum = errno;
      error_set (err, 0, "container not running");
      err->errnum = errnum;
    }
  return pidfd;
}

int
state_locate_cgroup (const struct state *state, struct cgroup *cgroup, struct error *err)
{
  return cgroup_locate (cgroup, state->cgroup_path, err);
}

json_t *
state_to_oci (const struct state *state, enum status status)
{
  bool alive = status != STATUS_STOPPED && status != STATUS_CREATING;

  return json_pack ("{s:s, s:s, s:i, s:s, s:s, s:s, s:s, s:s, s:O*}", "ociVersion", state->oci_version, "id", state->id,
                    "pid", alive ? (int) state->pid : 0, "status", status_name (status), "bundle", state->bundle,
                    "rootfs", state->rootfs, "created", state->created, "owner", "", "annotations",
                    state->annotations);
}
