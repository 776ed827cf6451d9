/* Calls on a store, waited for: what the cases of the s3 store share. */
#ifndef TESTS_S3_STORE_H
#define TESTS_S3_STORE_H

#include "backends/block/s3/s3.h"
#include "pipeline/base/mutex.h"

struct waiter {
	struct block_call call;
	struct mutex mutex;
	struct cond cond;
	int done;			/* how often done() came */
	char names[1024];		/* WALK: "name=size;" each */
	int count, stop_after;
};

void waiter_init(struct waiter *w, enum block_call_kind kind, const char *name);
void waiter_drop(struct waiter *w);
void waiter_body(struct waiter *w, const char *bytes, size_t len);	/* borrowed */

void waiter_wait(struct waiter *w);
enum status waiter_run(struct block_store *s, struct waiter *w);	/* start and wait */

#endif
