/*
 * What this room keeps of a share.  Made by block_open, freed by block_free; the pointers do not
 * change in between.
 *
 * Laws between the journal and the index:
 *  - index_commit_locked() is called under order, for each DATA, TRUNC, HOLE and CARVED item in the
 *    order of the log, by block_commit and again by recovery.
 *  - A segment is used again only when nobody cites it and no piece of the index, holes included,
 *    is as old as its newest entry: a hole holds the segment its TRUNC or HOLE item lies in until
 *    it is carved, else a crash would bring back what the map says below it.
 *  - datum_hold() borrows the txn's data; the txn stays until datum_written() or, where the journal
 *    has failed, datum_keep().
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
	struct cold *cold;		/* NULL: no remote */
	struct suspects *suspects;	/* chunks that were seen damaged */
	struct leaves *leaves;		/* of the content map, decoded */
};

/* block_lookup for who only looks: nobody is seen to read. */
must_check enum status block_lookup_only(struct share *s, uint64_t content, struct io *io,
    bool may_wait, struct arena *arena);

#endif
