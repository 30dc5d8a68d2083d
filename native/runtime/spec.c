#include "spec.h"

#include "cleanup.h"
#include "document.h"
#include "file.h"

#include <fcntl.h>
#include <sched.h>
#include <string.h>

static int
read_root (struct spec *spec, json_t *json, struct error *err)
{
  json_t *root = NULL;

  if (field_object (json, "root", &root, err) < 0 || field_string (root, "path", &spec->root_path, err) < 0
      || field_bool (root, "readonly", &spec->root_readonly, err) < 0)
    return -1;
  if (spec->root_path == NULL)
    return error_set (err, 0, "\"root.path\" is missing");
  return 0;
}

static int
read_mount (struct spec *spec, struct mount_spec *mount, json_t *json, struct error *err)
{
  static const char *no_idmap = "ID-mapped mounts aren't implemented; chown the source instead";

  if (field_string (json, "destination", &mount->destination, err) < 0
      || field_string (json, "type", &mount->type, err) < 0 || field_string (json, "source", &mount->source, err) < 0
      || field_strings (json, "options", &spec->arena, &mount->options, err) < 0
      || field_refuse (json, "uidMappings", no_idmap, err) < 0 || field_refuse (json, "gidMappings", no_idmap, err) < 0)
    return -1;
  if (mount->destination == NULL || mount->destination[0] == '\0')
    return error_set (err, 0, "\"destination\" is missing");
  return 0;
}

static int
read_mounts (struct spec *spec, json_t *json, struct error *err)
{
  json_t *mounts = NULL, *item;
  size_t i;

  if (field_array (json, "mounts", &mounts, err) < 0)
    return -1;
  spec->mount_count = json_array_size (mounts);
  spec->mounts = arena_calloc (&spec->arena, spec->mount_count, sizeof *spec->mounts);
  json_array_foreach (mounts, i, item)
    if (read_mount (spec, &spec->mounts[i], item, err) < 0)
      return error_prefix (err, "mounts[%zu]", i);
  return 0;
}

static int
read_sections (struct spec *spec, json_t *json, struct error *err)
{
  json_t *process = NULL, *linux_section = NULL, *hooks = NULL;

  if (field_string (json, "ociVersion", &spec->oci_version, err) < 0
      || field_object (json, "annotations", &spec->annotations, err) < 0
      || field_string (json, "hostname", &spec->hostname, err) < 0
      || field_string (json, "domainname", &spec->domainname, err) < 0 || read_root (spec, json, err) < 0
      || read_mounts (spec, json, err) < 0 || field_object (json, "process", &process, err) < 0
      || field_object (json, "linux", &linux_section, err) < 0 || field_object (json, "hooks", &hooks, err) < 0)
    return -1;
  if (spec->oci_version == NULL)
    return error_set (err, 0, "\"ociVersion\" is missing");
  if (strncmp (spec->oci_version, "1.", 2) != 0)
    return error_set (err, 0, "\"ociVersion\" %s is not supported, only 1.x", spec->oci_version);
  if (process != NULL)
    {
      spec->has_process = true;
      if (spec_read_process (&spec->process, process, &spec->arena, err) < 0)
        return error_prefix (err, "process");
    }
  if (linux_section != NULL && spec_read_linux (spec, linux_section, err) < 0)
    return error_prefix (err, "linux");
  return hooks != NULL ? spec_read_hooks (spec, hooks, err) : 0;
}

/* What only makes sense together. */
static int
check_consistency (const struct spec *spec, struct error *err)
{
  bool user_namespace = spec_namespace (spec, CLONE_NEWUSER) != NULL;

  if (spec->hostname != NULL && spec_namespace (spec, CLONE_NEWUTS) == NULL)
    return error_set (err, 0, "\"hostname\" needs a uts namespace, otherwise it would rename the host");
  if (spec->domainname != NULL && spec_namespace (spec, CLONE_NEWUTS) == NULL)
    return error_set (err, 0, "\"domainname\" needs a uts namespace, otherwise it would rename the host");
  if (spec_namespace (spec, CLONE_NEWNS) == NULL)
    return error_set (err, 0, "a container without a mount namespace is not supported");
  if (!user_namespace && spec->uid_mapping_count + spec->gid_mapping_count > 0)
    return error_set (err, 0, "\"uidMappings\" and \"gidMappings\" need a user namespace");
  return 0;
}

int
spec_load (struct spec *spec, const char *path, struct error *err)
{
  cleanup_free char *text = NULL;
  size_t length;

  if (read_file_at (AT_FDCWD, path, &text, &length, err) < 0)
    return -1;
  spec->document = document_parse (text, length, path, err);
  if (spec->document == NULL)
    return -1;
  if (read_sections (spec, spec->document, err) < 0 || check_consistency (spec, err) < 0)
    return error_prefix (err, "%s", path);
  return 0;
}

void
spec_free (struct spec *spec)
{
  arena_free (&spec->arena);
  json_decref (spec->document);
  spec->document = NULL;
}

const struct namespace_spec *
spec_namespace (const struct spec *spec, int flag)
{
  for (size_t i = 0; i < spec->namespace_count; i++)
    if (spec->namespaces[i].flag == flag)
      return &spec->namespaces[i];
  return NULL;
}
