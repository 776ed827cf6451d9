/*
 * Which error a procedure gives: the one table of the gateway, narrowed to what RFC 1813
 * lets that procedure say, so that no client meets an error it was never told of.
 */
#include "gateway/nfs/v3/inner.h"

#include "gateway/status_map.h"

enum dense {
#define NFSSTAT3(name, number) DENSE_##name,
#include "gateway/nfsstat3.def"
#undef NFSSTAT3
	DENSE_COUNT
};

_Static_assert(DENSE_COUNT <= 32, "a set of errors is a word");

static const uint16_t numbers[DENSE_COUNT] = {
#define NFSSTAT3(name, number) [DENSE_##name] = number,
#include "gateway/nfsstat3.def"
#undef NFSSTAT3
};

static const uint8_t instead[DENSE_COUNT] = {
#define INSTEAD3(from, to) [DENSE_##from] = DENSE_##to,
#include "gateway/nfs/v3/fallback.def"
#undef INSTEAD3
};

/* Sets of errors by procedure. */
#define NONE | 0u
#define E(name) | 1u << DENSE_##name
static const uint32_t may[V3_PROC_COUNT] = {
#define MAY3(proc, errors) [V3_##proc] = 0u errors,
#define ALSO3(proc, errors)
#include "gateway/nfs/v3/may.def"
#undef MAY3
#undef ALSO3
};

static const uint32_t also[V3_PROC_COUNT] = {
#define MAY3(proc, errors)
#define ALSO3(proc, errors) [V3_##proc] = 0u errors,
#include "gateway/nfs/v3/may.def"
#undef MAY3
#undef ALSO3
};

static enum dense
dense_of(enum nfsstat3 stat)
{
	for (uint32_t i = 0; i < DENSE_COUNT; i++)
		if (numbers[i] == stat)
			return (enum dense)i;
	return DENSE_SERVERFAULT;
}

static bool
allowed(uint32_t proc, enum dense error)
{
	const uint32_t always = 1u << DENSE_BADHANDLE | 1u << DENSE_STALE |
	    1u << DENSE_SERVERFAULT | 1u << DENSE_JUKEBOX | 1u << DENSE_ACCES;

	return ((may[proc] | also[proc] | always) >> error & 1) != 0;
}

enum nfsstat3
v3_error(uint32_t proc, enum status st)
{
	enum dense error;

	if (st == OK)
		return NFS3_OK;
	error = dense_of(gateway_nfsstat3(st));
	for (uint32_t i = 0; i < DENSE_COUNT && !allowed(proc, error); i++)
		error = instead[error];
	return numbers[error];
}
