/*
 * The READ half of the stage: pieces that are still wanted are read from segments and containers.
 */
#ifndef BLOCK_FETCH_H
#define BLOCK_FETCH_H

#include "pipeline/stage/stage.h"

/* job->io.want has open pieces: settle them, inline where the kernel has the bytes (TURN_DOWN),
 * else in the pool (TURN_POOL).  A damaged or failed read: job->status and TURN_UP. */
enum turn block_fetch(struct job *job);

#endif
