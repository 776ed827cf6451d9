/*
 * HTTP, where libcurl ends.
 */
#ifndef MGMT_CTL_HTTP_H
#define MGMT_CTL_HTTP_H

#include "mgmt/ctl/context.h"

struct ctl_http {
	long code;			/* 0: nobody answered, why says it */
	char *body;			/* malloced, NUL behind; NULL: none */
	size_t len;
	char link[900];			/* of the next page; "": none */
	char why[300];
};

/* One request to where the context says; token NULL: without one; body NULL: none.  The caller
 * frees answer->body. */
void ctl_http(const struct ctl_context *to, const char *method, const char *path, const char *token,
    const char *body, struct ctl_http *answer);

#endif
