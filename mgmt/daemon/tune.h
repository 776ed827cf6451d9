/*
 * Settings of adapters as the control plane says them, put in force.
 */
#ifndef MGMT_TUNE_H
#define MGMT_TUNE_H

#include "pipeline/base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the file of settings says, the first of which is the most connections there can be, and how
 * the portmapper stands until it is told otherwise. */
void tune_start(uint32_t conns_max, uint32_t peer_conns_max, bool portmap, uint16_t portmap_port);

/* As struct rest_house wants it: name and value are of mgmt/rest/tuning.def. */
must_check enum status tune_adapter(const char *adapter, const char *name, const char *value,
    char *why, size_t why_cap);

#endif
