/*
 * The vocabulary: one operation with its arguments and results.  A protocol fills the arguments
 * in decode and reads the results in encode; vfs does the rest.  Names and slices in arguments
 * are borrowed from the message, which the job holds.
 */
#ifndef MODEL_OP_H
#define MODEL_OP_H

#include "pipeline/base/status.h"
#include "pipeline/model/attr.h"
#include "pipeline/model/id.h"
#include "pipeline/model/name.h"
#include "pipeline/model/note.h"

enum op_kind {
	OP_NONE = 0,
#define OP(name, changes, bytes, idem, takes_name, trace) OP_##name,
#include "pipeline/model/op.def"
#undef OP
	OP_COUNT
};

struct op_row {
	const char *name;
	bool changes, moves_bytes, idempotent, takes_name;
	const char *trace;
};

extern const struct op_row op_rows[OP_COUNT];

enum create_how { CREATE_UNCHECKED, CREATE_GUARDED, CREATE_EXCLUSIVE };
enum stability { STABLE_UNSTABLE, STABLE_DATA, STABLE_FILE };	/* RFC 1813's numbers */

struct dir_entry {
	uint64_t ino, cookie;
	uint32_t gen;
	uint8_t type;
	bool has_attr;
	struct slice name;		/* in the job's arena */
	struct attr attr;		/* where asked and has_attr */
};

/* What an operation did to one object: attributes before and after, as one change. */
struct op_pair {
	bool has_before, has_after;
	struct wcc before;
	struct attr after;
};

struct op {
	enum op_kind kind;

	/* Arguments.  file: the object or directory acted on; file2: RENAME's and LINK's other
	 * directory.  RENAME: file/name → file2/name2.  LINK: file gets the name file2/name.  For
	 * every other operation with a name it is file/name. */
	struct file_id file, file2;
	struct slice name, name2;
	struct setattr set;		/* SETATTR, CREATE, MKDIR, SYMLINK, MKNOD */
	union {
		struct { bool check; struct stamp ctime; } guard;	/* SETATTR */
		struct { enum create_how how; uint64_t verf; } create;
		struct { struct slice target; } symlink;
		struct { uint8_t type; uint32_t major, minor; } mknod;
		struct { uint32_t want; } access;			/* ACCESS_* */
		struct { uint64_t cookie; uint64_t verf;
			uint32_t entries_max;	/* at most so many entries */
			uint32_t bytes_max;	/* stop when the estimate reaches this */
			uint32_t entry_bytes;	/* estimate of one entry beside its padded name */
			uint32_t names_max; /* READDIRPLUS dircount: bytes of names and cookies; 0:
					       no limit */
			bool attrs; } readdir;
		struct { enum stability stable; } write;
		struct { uint64_t offset, count; } commit;	/* count 0: to the end */
		struct { struct slice path; } attach;		/* the share's name */
	} arg;
	struct note note; /* protocol NOTE_NONE: none; filled by the protocol up to wall_ns */

	/* Results. */
	struct op_pair on, on2;		/* for file and file2 */
	bool has_found;
	struct file_id found;		/* LOOKUP, CREATE…: the object; ATTACH: the root */
	struct attr found_attr;
	union {
		struct { uint32_t granted; } access;
		struct { struct slice target; } readlink;	/* in the job's arena */
		struct { struct dir_entry *v; uint32_t n; bool eof; uint64_t verf; } readdir;
		struct { bool eof; uint32_t count; } read;
		struct { uint32_t count; enum stability committed; uint64_t verf; } write;
		struct { uint64_t verf; } commit;
		struct { uint64_t bytes_total, bytes_free, bytes_avail,
			files_total, files_free, files_avail; } statfs;
	} res;
};

#endif
