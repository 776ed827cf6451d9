/*
 * The metrics page (Prometheus text format) and /health, on a small HTTP server of their own.
 */
#ifndef MGMT_METRICS_H
#define MGMT_METRICS_H

#include "pipeline/base/status.h"
#include "pipeline/base/text.h"

#include <stdint.h>

/* The page: every counter of meter.def, every stage, every share. */
void metrics_write(struct text *out);

/* "ok", or what is wrong, as JSON; false: something is. */
bool health_write(struct text *out);

must_check enum status metrics_start(const char *host, uint16_t port, uint16_t *portp);
void metrics_stop(void);

#endif
