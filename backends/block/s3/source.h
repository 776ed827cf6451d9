/*
 * Credentials that do not last: fetched from the instance's metadata, from a container's agent or
 * against a web identity's token, and again before they end.  Calls wait while there are none.
 */
#ifndef BACKENDS_S3_SOURCE_H
#define BACKENDS_S3_SOURCE_H

#include "pipeline/base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct s3_conf;
struct s3_op;
struct s3_store;
struct s3_source;

/*
 * Where credentials come from, for a configuration that holds none: the environment, the shared
 * file, else what can be fetched, in the order and under the names that Amazon's tools use.
 * room: where texts are kept that conf then cites.
 */
struct s3_found {
	char access[256], secret[256], token[4096], url[1024], file[1024], role[256];
};
void s3_source_find(struct s3_conf *conf, struct s3_found *room);

/* Of that file, in the form of the shared one; profile NULL: "default".  false: it has none. */
bool s3_source_file(struct s3_conf *conf, const char *path, const char *profile,
    struct s3_found *room);

/* The answers of services that hand out credentials, bounded and checked.  GARBAGE: none. */
struct s3_grant {
	char access[256], secret[256], token[4096];
	uint64_t until_s;		/* wall clock */
};
must_check enum status s3_grant_of_json(const char *json, size_t len, struct s3_grant *g);
must_check enum status s3_grant_of_xml(const char *xml, size_t len, struct s3_grant *g);

struct s3_source *s3_source_new(struct s3_store *store, const struct s3_conf *conf);
void s3_source_free(struct s3_source **sp);

/* Are there credentials?  false: op waits, and is submitted when there are, or refused.  The
 * caller holds the store's mutex. */
bool s3_source_ready_locked(struct s3_source *src, struct s3_op *op);

/* Nothing is on its way; asked under the store's mutex. */
bool s3_source_idle_locked(const struct s3_source *src);

/* A server says that they have ended: the next call fetches.  The loop's thread. */
void s3_source_ended(struct s3_source *src);

#endif
