/*
 * Numbers of NFS version 3.  RFC 1813 §2 and §3.
 */
#ifndef GATEWAY_NFS_V3_TYPES_H
#define GATEWAY_NFS_V3_TYPES_H

#include "pipeline/model/io.h"
#include "pipeline/share/handle.h"

enum {
	V3_PROGRAM = 100003, V3_VERSION = 3,
	V3_HANDLE_MAX = 64,			/* nfs_fh3 */
	V3_NAME_ROOM = 4096,			/* longer names are not read; vfs judges the rest */
	V3_PATH_ROOM = 65536,

	V3_FATTR_BYTES = 84,
	V3_ATTR_BYTES = 4 + V3_FATTR_BYTES,	/* post_op_attr */
	V3_WCC_BYTES = 4 + 24 + V3_ATTR_BYTES,
	V3_FH_BYTES = 4 + HANDLE_BYTES,
	V3_POST_FH_BYTES = 4 + V3_FH_BYTES,

	V3_IO_MAX = IO_BYTES_MAX,		/* rtmax, wtmax */
	V3_DIR_BYTES_MAX = 65536,		/* dtpref; more is cut to it */
};

enum v3_properties { FSF3_LINK = 1, FSF3_SYMLINK = 2, FSF3_HOMOGENEOUS = 8, FSF3_CANSETTIME = 16 };

enum v3_time_how { V3_TIME_KEEP, V3_TIME_SERVER, V3_TIME_CLIENT };

enum v3_proc {
#define PROC3(NAME, name, kind, once, fail, worst) V3_##NAME,
#include "gateway/nfs/v3/proc.def"
#undef PROC3
	V3_PROC_COUNT
};

#endif
