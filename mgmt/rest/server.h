/*
 * HTTP: where libmicrohttpd ends.
 */
#ifndef MGMT_REST_SERVER_H
#define MGMT_REST_SERVER_H

#include "mgmt/rest/rest.h"

must_check enum status rest_server_start(const struct rest_conf *conf, uint16_t *portp, char *why,
    size_t why_cap);
void rest_server_stop(void);

/* A page of the console: its bytes, or NULL.  Made from mgmt/web. */
const char *rest_web_page(const char *path, size_t *len, const char **type);

#endif
