/*
 * An object's name as a path below the store's folder, and back.  Whatever the name holds, the
 * path has no part that means something else to a file system, no part longer than it allows,
 * and no file where another name wants a folder.
 */
#ifndef BACKENDS_BLOCK_FS_PATH_H
#define BACKENDS_BLOCK_FS_PATH_H

#include "pipeline/base/text.h"
#include "pipeline/contract/block_store.h"

enum { FS_PATH_MAX = 2048, FS_DEPTH_MAX = 24 };

/* The path of a name that block_call_check passed; always fits into FS_PATH_MAX. */
void fs_path_of(const char *name, struct text *to);

/*
 * One part of a path, as readdir says it, added to the name so far.  false: not one of ours.
 * file: it is an object's file, and the name is whole.
 */
bool fs_path_part(const char *part, struct text *name, bool *file);

#endif
