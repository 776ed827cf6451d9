/*
 * The variable rest of a record: one msgpack map from small numbers to byte strings.  It is
 * written by msgpack-c and read by a bounded cursor of our own, which allocates nothing, follows no
 * claimed size beyond the bytes that are there, and steps over what it does not know.
 */
#ifndef RECORD_PACK_H
#define RECORD_PACK_H

#include "pipeline/base/status.h"
#include "pipeline/base/writer.h"

enum pack_field {			/* on disk: never renumbered */
	PACK_SYMLINK = 1,
};

/* A map of n pairs follows; then each pair. */
void pack_map(struct writer *w, uint32_t n);
void pack_bytes(struct writer *w, enum pack_field field, struct slice bytes);

/* The bytes of a field, cited.  NODATA: the map has no such field.  CORRUPT: no well-formed map,
 * from its first byte to its last. */
must_check enum status pack_find(struct slice rest, enum pack_field field, struct slice *bytes);

#endif
