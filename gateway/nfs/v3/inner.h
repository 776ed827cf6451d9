/*
 * What the files of NFS version 3 share: rows, and the types that several procedures read
 * and write.
 */
#ifndef GATEWAY_NFS_V3_INNER_H
#define GATEWAY_NFS_V3_INNER_H

#include "gateway/nfs/v3/types.h"
#include "gateway/nfs/v3/v3.h"
#include "gateway/rpc/xdr.h"
#include "gateway/wire_codes.h"

/* Arguments → job->op.  What cannot be read leaves r failed; what is read but not
 * possible sets job->status, which is then the answer. */
typedef void v3_to_op(struct job *job, struct rpc_call *call, struct reader *r);

/* Results of a success, or the status that takes its place, with nothing written. */
typedef enum status v3_from_op(struct job *job, struct rpc_call *call, struct writer *w);

#define PROC3(NAME, name, kind, once, fail, worst) \
	v3_to_op v3_##name##_to_op; \
	v3_from_op v3_##name##_from_op;
#include "gateway/nfs/v3/proc.def"
#undef PROC3

enum nfsstat3 v3_error(uint32_t proc, enum status st);

/* The first refusal stands. */
static inline void
v3_refuse(struct job *job, enum status st)
{
	if (job->status == OK)
		job->status = st;
}

/* xdr_args.c */
void v3_read_handle(struct job *job, struct reader *r);		/* → share, op.file */
void v3_read_handle2(struct job *job, struct reader *r);	/* → op.file2: of the same share */
struct slice v3_read_name(struct reader *r);
struct stamp v3_read_time(struct job *job, struct reader *r);
void v3_read_setattr(struct job *job, struct reader *r);	/* sattr3 → op.set */

/* xdr_results.c */
void v3_put_fattr(struct writer *w, const struct attr *a);
void v3_put_attr(struct writer *w, bool has, const struct attr *a);		/* post_op_attr */
void v3_put_wcc(struct writer *w, const struct op_pair *pair);			/* wcc_data */
void v3_put_handle(struct writer *w, const struct share *s, const struct file_id *id);
void v3_put_found(struct job *job, struct writer *w);	/* post_op_fh3 and post_op_attr */

static inline void
v3_put_on(struct writer *w, const struct op_pair *pair)
{
	v3_put_attr(w, pair->has_after, &pair->after);
}

#endif
