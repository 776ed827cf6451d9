/*
 * Promise: what a front end offers the pipeline.  Calls come on the connection's home worker.
 */
#ifndef CONTRACT_PROTOCOL_H
#define CONTRACT_PROTOCOL_H

#include "pipeline/base/slice.h"
#include "pipeline/base/writer.h"
#include "pipeline/model/note.h"

struct job;
struct conn;

enum frame_verdict { FRAME_MORE, FRAME_WHOLE, FRAME_REFUSE };

struct frame {
	uint32_t skip;			/* framing bytes in front of the message */
	uint32_t len;			/* of the message, where it is known */
	uint32_t need;			/* MORE: whole size (skip + len) once known, else 0 */
	bool gather;			/* the message is in fragments: whole, but not contiguous;
					 * protocol->join makes it one */
	uint32_t whole;			/* bytes to consume in all, framing included */
};

/* What decode wants next. */
enum decoded {
	DECODED_OP,			/* op and claim are filled: go down */
	DECODED_REPLY,			/* answered already, encode at once */
	DECODED_SILENCE,		/* no reply, ever (a duplicate that still runs) */
	DECODED_HANGUP,			/* not of our language: close the connection */
};

/* What encode says. */
enum encoded {
	ENCODED_REPLY,			/* the writer holds the reply with its framing */
	ENCODED_AGAIN,			/* op is filled anew: down again (a compound's next) */
};

struct protocol {
	const char *name;
	uint32_t message_max;		/* longest message, framing excluded */
	uint32_t reply_max;		/* longest reply's own bytes, cited payload excluded */

	/* Is there a whole message at the front of have bytes?  No state is kept. */
	enum frame_verdict (*frame)(const uint8_t *bytes, uint32_t have, struct frame *f);

	/* Join fragments: copy the message's bytes to to (f->len of them).  NULL: never needed. */
	void (*join)(const uint8_t *bytes, const struct frame *f, uint8_t *to);

	/* Read job->message; fill job->op, job->io, job->claim, job->wire. */
	enum decoded (*decode)(struct job *job);

	/* Write the reply of job->op and job->status. Runs once per decoded op. */
	enum encoded (*encode)(struct job *job, struct writer *w);

	/* The reply has been queued, or the job ends without one.  May be NULL. */
	void (*finish)(struct job *job);

	/* A connection comes and goes; conn_set_state keeps the protocol's own.  May be NULL. */
	void (*greet)(struct conn *conn);
	void (*farewell)(struct conn *conn);

	/* A NOTE found at recovery, before anything is served.  May be NULL. */
	void (*remember)(uint64_t share, const struct note *note);
};

#endif
