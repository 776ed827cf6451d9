/*
 * A remote block store as the operator described it: between the control plane, which knows rows,
 * and the wiring, which opens stores.
 */
#ifndef MGMT_SPEC_H
#define MGMT_SPEC_H

#include "backends/conf.h"

enum { STORE_SPEC_OPTIONS = 24 };

struct store_spec {
	char name[65], kind[16];
	uint32_t uploads;		/* at once; 0: as it goes */
	struct backends_pair option[STORE_SPEC_OPTIONS];	/* may hold secrets; cites an arena */
	uint32_t noptions;
};

#endif
