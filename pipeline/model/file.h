/*
 * The file record: what a share knows of an inode.  Fixed fields are hot; `rest` is msgpack, as
 * stored, for what varies (symlink target, later ACL, SIDs).  The change counter is the LSN of
 * the last change and is kept beside the record, not in it.
 */
#ifndef MODEL_FILE_H
#define MODEL_FILE_H

#include "pipeline/base/slice.h"
#include "pipeline/model/attr.h"
#include "pipeline/model/id.h"

enum { LINKS_MAX = 65000 };		/* names of one file, subdirectories of one directory */

enum {	/* flags of a file record */
	FILE_ORPHAN = 1,	/* no name left; lives while it is open */
	FILE_HAS_VERF = 2,	/* create_verf is set */
	FILE_SLOTS = 4,	/* a directory: two of its names have had one hash */
	FILE_UNWRITTEN = 8,  /* its content has never been named by an entry: nothing of it is
			      * anywhere; clear says nothing */
};

struct file {
	uint64_t ino;
	uint32_t gen;
	uint8_t type;			/* enum file_type */
	uint8_t flags;
	uint16_t mode;
	uint32_t nlink;			/* a directory: 2 + subdirectories */
	uint32_t uid, gid;
	uint32_t rdev_major, rdev_minor;
	uint32_t dos;			/* FILE_ATTRIBUTE_*, for SMB */
	uint32_t entries;		/* a directory: names in it */
	uint64_t size, used;
	struct stamp atime, mtime, ctime, btime;
	uint64_t content;		/* whose bytes; 0: none */
	uint64_t parent, parent_key;	/* first name: directory and its dirent key */
	uint64_t quota_tree;
	uint64_t create_verf;		/* exclusive create, RFC 1813 §3.3.8 */
	struct slice rest;	/* msgpack map as stored; borrowed from who holds the record */
};

#endif
