/*
 * The rows of op.def as a table.
 */
#include "pipeline/model/op.h"

const struct op_row op_rows[OP_COUNT] = {
	[OP_NONE] = { "NONE", false, false, true, false, "none" },
#define OP(name, changes, bytes, idem, takes_name, trace) \
	[OP_##name] = { #name, changes, bytes, idem, takes_name, trace },
#include "pipeline/model/op.def"
#undef OP
};
