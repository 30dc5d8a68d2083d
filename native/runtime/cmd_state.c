#include "commands.h"

#include "cleanup.h"
#include "state.h"

int
cmd_state (const char *root, int argc, char **argv, struct error *err)
{
  cleanup_state struct state state = { 0 };
  cleanup_json json_t *json = NULL;
  const char *id;

  if (command_single_id (argc, argv, 1, "state ID", &id, err) < 0 || state_load (&state, root, id, err) < 0)
    return -1;
  json = state_to_oci (&state, state_status (&state));
  if (json_dumpf (json, stdout, JSON_INDENT (2)) < 0 || putchar ('\n') == EOF)
    return error_set (err, 0, "write the state");
  return 0;
}
