/*
 * What this room keeps of a share.  Made by block_open, freed by block_free; the pointers do not
 * change in between.
 *
 * Laws between the journal and the index:
 *  - index_commit_locked() is called under order, for each DATA, TRUNC, HOLE and CARVED item in the
 *    order of the log, by block_commit and again by recovery.
 *  - A hole counts like a datum: until it is carved it holds the segment its TRUNC or HOLE item
 *    lies in, else a crash would bring back what the map says below it.  A hole therefore has an
 *    LSN, and index_dirty() tells of contents that have nothing but holes, too.
 *  - datum_written() takes a reference of the segment (segment_ref), the datum's last put gives it
 *    back (segment_put).  A segment that only the journal cites is not read by anybody.
 *  - A datum's buffers are chained by block_reserve, in the txn's arena; the txn stays until
 *    datum_written() has dropped them.
 */
#ifndef BLOCK_INNER_H
#define BLOCK_INNER_H

#include "pipeline/block/block.h"
#include "pipeline/block/index.h"
#include "pipeline/block/leaf.h"
#include "pipeline/block/mirror.h"

struct journal;

struct block {
	struct journal *journal;
	struct index *index;
	struct mirror *mirror;		/* local containers: conf.dir/containers */
	struct leaves *leaves;		/* of the content map, decoded */
};

#endif
