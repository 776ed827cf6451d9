/*
 * The knobs, and which procedures may be refused.
 */
#include "gateway/live.h"

#include "gateway/nfs/v3/types.h"

#include "pipeline/base/panic.h"

#include <strings.h>

struct gateway_live gateway_live = { V3_IO_MAX, V3_IO_MAX, V3_IO_MAX, 0 };

/* NULL, GETATTR and FSINFO are what every mount begins with. */
enum { NEEDED = 1u << V3_NULL | 1u << V3_GETATTR | 1u << V3_FSINFO };

static const char *const names[] = {
#define PROC3(NAME, name, kind, once, fail, worst) [V3_##NAME] = #name,
#include "gateway/nfs/v3/proc.def"
#undef PROC3
};

enum status
gateway_live_operation(const char *name, uint32_t *bit)
{
	for (uint32_t i = 0; i < ARRAY_LEN(names); i++)
		if (strcasecmp(names[i], name) == 0 && (NEEDED >> i & 1) == 0) {
			*bit = 1u << i;
			return OK;
		}
	return ST_NOENT;
}
