/*
 * The rows of status_map.def as an array; the compiler proves that none is missing or
 * twice.
 */
#include "gateway/status_map.h"

struct row {
	uint16_t nfs3, nfs4;
	uint32_t nt;
};

enum mapped {
	MAPPED_OK = 0,
#define MAP(name, nfs3, nfs4, nt) MAPPED_##name,
#include "gateway/status_map.def"
#undef MAP
	MAPPED_COUNT
};

_Static_assert((int)MAPPED_COUNT == (int)ST_COUNT, "a status without its row");
#define STATUS(name, err, text) \
	_Static_assert((int)MAPPED_##name > 0, "status " #name " is not mapped");
#include "pipeline/base/status.def"
#undef STATUS

static const struct row rows[ST_COUNT] = {
	[OK] = { NFS3_OK, NFS4_OK, NT_SUCCESS },
#define MAP(name, nfs3, nfs4, nt) [ST_##name] = { nfs3, nfs4, nt },
#include "gateway/status_map.def"
#undef MAP
};

/* A number that is no status can only be our own fault; the client hears of it as one. */
static const struct row *
row_of(enum status st)
{
	return (unsigned)st < ST_COUNT ? &rows[st] : &rows[ST_SERVERFAULT];
}

enum nfsstat3
gateway_nfsstat3(enum status st)
{
	return row_of(st)->nfs3;
}

enum nfsstat4
gateway_nfsstat4(enum status st)
{
	return row_of(st)->nfs4;
}

uint32_t
gateway_ntstatus(enum status st)
{
	return row_of(st)->nt;
}
