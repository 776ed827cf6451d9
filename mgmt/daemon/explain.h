/*
 * Why somebody may or may not: the way of one access, asked step by step as the requests of a
 * client would be.
 */
#ifndef MGMT_EXPLAIN_H
#define MGMT_EXPLAIN_H

#include "mgmt/rest/house.h"

/* NOENT: that share is not open. */
must_check enum status explain_access(const struct rest_explain *ask, struct rest_explained *out);

#endif
