/*
 * The stage cache: fills what a READ wants from pages; what is not here goes on down.  It has no
 * threads: the arrow of the card stays, the hop goes.
 */
#ifndef CACHE_CACHE_H
#define CACHE_CACHE_H

#include "pipeline/stage/stage.h"

extern const struct stage_ops cache_stage;

#endif
