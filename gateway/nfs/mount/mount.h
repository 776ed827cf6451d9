/*
 * The MOUNT protocol, version 3: from a share's name to the handle of its root.  RFC 1813
 * §5.
 */
#ifndef GATEWAY_NFS_MOUNT_MOUNT_H
#define GATEWAY_NFS_MOUNT_MOUNT_H

#include "gateway/rpc/program.h"

enum { MOUNT_PROGRAM = 100005, MOUNT_VERSION = 3, MOUNT_PATH_MAX = 1024 };

extern const struct rpc_program mount_program;

#endif
