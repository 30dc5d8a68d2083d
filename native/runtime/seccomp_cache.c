#include "seccomp_cache.h"

#include "alloc.h"
#include "cleanup.h"
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <seccomp.h>
#include <string.h>
#include <sys/stat.h>

/* Goes up whenever the same profile compiles to another program. */
#define FORMAT 1

/* What a file starts with; then follow the profile's text and the program. */
struct header
{
  uint32_t format, libseccomp_version, profile_length, program_length;
};

static struct header
make_header (const char *profile, const struct seccomp_program *program)
{
  const struct scmp_version *version = seccomp_version ();

  return (struct header){
    .format = FORMAT,
    .libseccomp_version = version->major << 20 | version->minor << 10 | version->micro,
    .profile_length = (uint32_t) strlen (profile),
    .program_length = program != NULL ? (uint32_t) seccomp_program_size (program) : 0,
  };
}

/* FNV-1a. */
static char *
file_path (const char *directory, const char *profile)
{
  uint64_t hash = UINT64_C (0xcbf29ce484222325);

  for (const char *p = profile; *p != '\0'; p++)
    hash = (hash ^ (unsigned char) *p) * UINT64_C (0x100000001b3);
  return xasprintf ("%s/%016" PRIx64, directory, hash);
}

bool
seccomp_cache_read (const char *directory, const char *profile, struct seccomp_program *program)
{
  cleanup_free char *path = file_path (directory, profile), *content = NULL;
  struct header expected = make_header (profile, NULL), header;
  struct error ignored;
  size_t length;

  if (read_file_at (AT_FDCWD, path, &content, &length, &ignored) < 0 || length < sizeof header)
    return false;
  memcpy (&header, content, sizeof header);
  if (header.format != expected.format || header.libseccomp_version != expected.libseccomp_version
      || header.profile_length != expected.profile_length || header.program_length > sizeof *program
      || length != sizeof header + header.profile_length + header.program_length
      || memcmp (content + sizeof header, profile, header.profile_length) != 0)
    return false;
  memcpy (program, content + sizeof header + header.profile_length, header.program_length);
  return seccomp_program_size (program) == header.program_length;
}

void
seccomp_cache_write (const char *directory, const char *profile, const struct seccomp_program *program)
{
  struct header header = make_header (profile, program);
  size_t length = sizeof header + header.profile_length + header.program_length;
  cleanup_free char *path = file_path (directory, profile), *content = xcalloc (1, length);
  struct error ignored;

  memcpy (content, &header, sizeof header);
  memcpy (content + sizeof header, profile, header.profile_length);
  memcpy (content + sizeof header + header.profile_length, program, header.program_length);
  if (mkdir (directory, 0700) == 0 || errno == EEXIST)
    (void) replace_file_at (AT_FDCWD, path, content, length, 0600, &ignored);
}
