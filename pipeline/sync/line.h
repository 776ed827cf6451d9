/*
 * Windows in line: while the first is given to the batch, those behind it are read, cut and hashed
 * by the share's crew.  They leave it in the order in which they came.
 */
#ifndef SYNC_LINE_H
#define SYNC_LINE_H

#include "pipeline/sync/batch.h"
#include "pipeline/sync/extent.h"

struct line;

/* Both borrowed, for as long as the line lives. */
struct line *line_new(struct sync *y, struct batch *b);

/* What stands in it comes to nothing. */
void line_free(struct line **lp);

/*
 * At its end; where it is full, the first is built.  w->v: taken.  No two windows in it are the
 * same one's.  What fails is the carving, not one content: that is told of, and stays dirty.
 */
must_check enum status line_push(struct line *l, const struct window *w);

/* All are built, in order, until one fails. */
must_check enum status line_empty(struct line *l);

#endif
