/*
 * Names of directory entries: at most 255 bytes, no '/', no NUL, not empty.
 */
#ifndef MODEL_NAME_H
#define MODEL_NAME_H

#include "pipeline/base/slice.h"

enum { NAME_BYTES_MAX = 255, PATH_BYTES_MAX = 4096 /* symlink targets */ };

/* OK, NAMETOOLONG, NAME_INVAL.  "." and ".." are OK here: operations treat them. */
enum status name_check(struct slice name);

static inline bool name_is_dot(struct slice n) { return n.len == 1 && n.at[0] == '.'; }
static inline bool
name_is_dotdot(struct slice n)
{
	return n.len == 2 && n.at[0] == '.' && n.at[1] == '.';
}

#endif
