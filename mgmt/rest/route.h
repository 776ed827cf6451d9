/*
 * The table of routes and the way through it: match, guard, body, transaction, handler, audit.
 */
#ifndef MGMT_REST_ROUTE_H
#define MGMT_REST_ROUTE_H

#include "mgmt/rest/request.h"

enum rest_role { REST_PUBLIC, REST_USER, REST_SELF, REST_OPERATOR, REST_ADMIN };
enum rest_begin { REST_BEGIN_NONE, REST_BEGIN_READ, REST_BEGIN_WRITE };
enum {
	REST_BODY = 1,
	REST_HASH = 2,
	REST_EARLY = 4,
	REST_LIST = 8,
	REST_EMPTY = 16,
	REST_LATER = 32
};
enum { REST_NO_ENTITY = -1 };

struct rest_route {
	const char *method, *path;
	enum rest_role role;
	enum rest_begin begin;
	int flags;
	void (*handler)(struct rest_call *call);
	int entity;			/* enum db_entity, or REST_NO_ENTITY */
	const char *operation, *summary;
};

extern const struct rest_route rest_routes[];
extern const int rest_routes_count;

/* Who asks, and may they?  False: the problem is said.  Leaves call->who. */
bool rest_guard(struct rest_call *call);

/* The document, made from the tables; the caller frees it. */
char *rest_openapi_make(void);

#define ROUTE(method, path, role, begin, flags, handler, entity, operation, summary) \
	void rest_do_##handler(struct rest_call *call);
#include "mgmt/rest/route.def"
#undef ROUTE

#endif
