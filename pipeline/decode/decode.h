/*
 * The stage decode: down asks the protocol what a message wants, up asks it for the reply.
 */
#ifndef DECODE_DECODE_H
#define DECODE_DECODE_H

#include "pipeline/stage/stage.h"

extern const struct stage_ops decode_stage;

#endif
