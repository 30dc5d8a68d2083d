/* The addon's table of contents. */
#include "addon.h"

#define METHOD(name, function) {name, NULL, function, NULL, NULL, NULL, napi_enumerable, NULL}

NAPI_MODULE_INIT() {
  const napi_property_descriptor methods[] = {
      METHOD("createNetns", create_netns),     METHOD("socketInNetns", socket_in_netns),
      METHOD("netlinkOpen", netlink_open),     METHOD("netlinkRequest", netlink_request),
      METHOD("closeFd", close_fd),             METHOD("mount", mount_filesystem),
      METHOD("unmount", unmount),              METHOD("mountOverlay", mount_overlay),
      METHOD("getXattr", get_xattr),           METHOD("setXattr", set_xattr),
      METHOD("removeXattr", remove_xattr),     METHOD("listXattr", list_xattr),
      METHOD("mknod", make_node),              METHOD("tryLock", try_lock),
      METHOD("spawnDaemon", spawn_daemon),     METHOD("reap", reap),
      METHOD("openReadOnlyMount", open_read_only_mount),
      METHOD("netlinkSubscribe", netlink_subscribe), METHOD("writeSysctl", write_sysctl),
      METHOD("spreadSubdirectories", spread_subdirectories), METHOD("enterRoot", enter_root),
      METHOD("connectDatagram", connect_datagram), METHOD("sendDatagram", send_datagram),
      METHOD("mountFrom", mount_from),
  };
  if (napi_define_properties(env, exports, sizeof methods / sizeof *methods, methods) != napi_ok) return NULL;
  return exports;
}
