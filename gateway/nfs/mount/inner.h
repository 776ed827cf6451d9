/*
 * The procedures of MOUNT, as mount.def names them.
 */
#ifndef GATEWAY_NFS_MOUNT_INNER_H
#define GATEWAY_NFS_MOUNT_INNER_H

#include "gateway/nfs/mount/mount.h"
#include "gateway/rpc/xdr.h"

#define MOUNT(name) \
	enum decoded mount_##name##_decode(struct job *job, struct rpc_call *call, struct reader *r); \
	void mount_##name##_encode(struct job *job, struct rpc_call *call, struct writer *w);
#include "gateway/nfs/mount/mount.def"
#undef MOUNT

#endif
