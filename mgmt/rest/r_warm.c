/*
 * Warming a share: begun, asked after, given up.  One at a time a share; what the last one did can
 * be asked until the share is closed.
 */
#include "mgmt/rest/entity.h"

#include "pipeline/sync/sync.h"

#include <string.h>
#include <time.h>

static const char *const states[] = { [WARM_NONE] = "none", [WARM_RUNS] = "running",
	[WARM_DONE] = "done", [WARM_CANCELED] = "canceled", [WARM_FAILED] = "failed" };

static void
put_time(struct rest_json *j, const char *key, int64_t s)
{
	char to[40] = "";
	time_t t = (time_t)s;
	struct tm tm;

	if (s != 0 && gmtime_r(&t, &tm) != NULL)
		strftime(to, sizeof to, "%Y-%m-%dT%H:%M:%SZ", &tm);
	rest_json_put_str(j, key, to);
}

static struct rest_json *
warm_json(const char *name, const struct sync_warm *w)
{
	struct rest_json *j = rest_json_object();
	bool failed = w->state == WARM_FAILED;

	rest_json_put_int(j, "id", (int64_t)w->id);
	rest_json_put_str(j, "share", name);
	rest_json_put_str(j, "path", w->path[0] != '\0' ? w->path : "/");
	rest_json_put_str(j, "state", states[w->state]);
	rest_json_put_int(j, "blocks_total", (int64_t)w->containers);
	rest_json_put_int(j, "blocks_done", (int64_t)w->done);
	rest_json_put_int(j, "blocks_damaged", (int64_t)w->damaged);
	rest_json_put_int(j, "bytes_done", (int64_t)w->bytes);
	put_time(j, "started_at", w->started_s);
	put_time(j, "finished_at", w->finished_s);
	rest_json_put_str(j, "error", failed ? w->text : "");
	rest_json_put_str(j, "warning", failed ? "" : w->text);
	return j;
}

static void
ask(struct rest_call *call, enum warm_do what, const char *path, int code)
{
	struct sync_warm w;
	struct db_row row;
	const char *name;
	enum status st;

	if (!rest_row_find(call, DB_SHARE, &row))
		return;
	name = db_text(DB_SHARE, &row, "name");
	st = rest_state.conf.house->share_warm(name, what, path, &w);
	if (st == OK && code == 204)
		rest_no_content(call);
	else if (st == OK)
		rest_json_reply(call, code, warm_json(name, &w));
	else if (st == ST_NOTSUPP)
		rest_problem(call, 409, "no_remote", NULL,
		    "the share \"%s\" has no remote store: all that it has is here", name);
	else if (st == ST_BUSY)
		rest_problem(call, 409, "busy", "dfsctl share warm NAME --cancel gives it up",
		    "the share \"%s\" is being warmed already", name);
	else if (st == ST_NAMETOOLONG)
		rest_invalid_field(call, "path", "is too long");
	else
		rest_problem(call, 409, "not_open", "dfsctl share enable",
		    "the share \"%s\" does not serve", name);
}

void
rest_do_warm_start(struct rest_call *call)
{
	const char *path = rest_query(call, "path");

	ask(call, WARM_DO_START, path != NULL ? path : "", 202);
}

void
rest_do_warm_look(struct rest_call *call)
{
	ask(call, WARM_DO_LOOK, "", 200);
}

void
rest_do_warm_cancel(struct rest_call *call)
{
	ask(call, WARM_DO_CANCEL, "", 204);
}
