/*
 * Down: the protocol reads the message and says what it wants.  Up: it writes the reply, or asks
 * for the next operation of a compound.  It is asked for the reply even if the connection has
 * died: it may have to remember it for the time the client asks again.
 */
#include "pipeline/decode/decode.h"

#include "pipeline/base/meter.h"
#include "pipeline/net/conn.h"

static bool
decode_skip(const struct job *job)
{
	return job->protocol == NULL;	/* a job of our own */
}

static enum turn
decode_down(struct job *job)
{
	switch (job->protocol->decode(job)) {
	case DECODED_OP:
		return TURN_DOWN;
	case DECODED_REPLY:
		return TURN_UP;
	case DECODED_SILENCE:
		job->silent = true;
		return TURN_UP;
	case DECODED_HANGUP:
		job->silent = true;
		meter_add(METER_MALFORMED, 1);
		conn_hangup(job->conn, "malformed message");
		return TURN_UP;
	}
	return TURN_UP;
}

static enum turn
decode_up(struct job *job)
{
	struct writer w;

	if (!job->silent) {
		conn_reply_begin(job, &w);
		if (job->protocol->encode(job, &w) == ENCODED_AGAIN) {
			conn_reply_cancel(job, &w);
			job->status = OK;
			return TURN_DOWN;
		}
		conn_reply_end(job, &w);
	}
	if (job->protocol->finish != NULL)
		job->protocol->finish(job);
	return TURN_UP;
}

const struct stage_ops decode_stage = {
	.skip = decode_skip, .down = decode_down, .up = decode_up,
};
