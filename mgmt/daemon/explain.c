/*
 * The export rule, the cred and each LOOKUP are those that a request would meet: rules and creds
 * are made by auth, names are looked up by vfs in jobs of our own.
 */
#include "mgmt/daemon/explain.h"

#include "pipeline/auth/auth.h"
#include "pipeline/base/mutex.h"
#include "pipeline/base/text.h"
#include "pipeline/model/access.h"
#include "pipeline/model/file.h"
#include "pipeline/share/share.h"
#include "pipeline/stage/stage.h"
#include "pipeline/stage/worker.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { PORT_OF_ROOT = 700 };		/* what a kernel's client binds, unless it is told not to */

struct asked {
	struct mutex mutex;
	struct cond over;
	bool done;
};

static void
over(struct job *job)
{
	struct asked *a = job->wire;

	mutex_lock(&a->mutex);
	a->done = true;
	cond_signal(&a->over);
	mutex_unlock(&a->mutex);
}

struct walk {
	struct share *share;
	struct rest_explained *out;
	const struct cred *cred;	/* the user's, once it is known */
	struct file_id at;
	struct attr attr;
	char path[REST_PATH_TEXT];
};

__attribute__((format(printf, 2, 3)))
static void
say(struct walk *w, const char *fmt, ...)
{
	va_list ap;

	if (w->out->lines == REST_EXPLAIN_LINES)
		return;
	va_start(ap, fmt);
	vsnprintf(w->out->line[w->out->lines++], REST_EXPLAIN_TEXT, fmt, ap);
	va_end(ap);
}

/* One operation, and wait for it; what the caller wants of the job is copied by see. */
static enum status
run(struct walk *w, enum op_kind kind, const char *name, const struct cred *cred,
    void (*see)(struct walk *w, const struct op *op))
{
	struct job *job = job_get(worker_at(0));
	struct asked a = { .done = false };
	enum status st;

	if (job == NULL)
		return ST_RESOURCE;
	mutex_init(&a.mutex, RANK_OUTBOX, 3);
	cond_init(&a.over);
	job->wire = &a;
	job->done = over;
	job->share = share_ref(w->share);
	job->cred = cred_ref(cred);
	job->op.kind = kind;
	job->op.file = w->at;
	job->op.arg.access.want = kind == OP_ACCESS ? 63 : 0;
	if (name != NULL)
		job->op.name = slice_str(name);
	machine_submit(job, FLOOR_VFS);
	mutex_lock(&a.mutex);
	while (!a.done)
		cond_wait(&a.over, &a.mutex);
	mutex_unlock(&a.mutex);
	st = job->status;
	if (st == OK && see != NULL)
		see(w, &job->op);
	job_put(&job);
	cond_destroy(&a.over);
	mutex_destroy(&a.mutex);
	return st;
}

static void
see_found(struct walk *w, const struct op *op)
{
	w->at = op->found;
	w->attr = op->found_attr;
}

static void
see_access(struct walk *w, const struct op *op)
{
	w->out->access = op->res.access.granted;
}

static const char *
kind_of(const struct walk *w)
{
	return w->attr.type == TYPE_DIR ? "folder" :
	    w->attr.type == TYPE_LNK    ? "symbolic link" :
					  "file";
}

static const char *
class_of(const struct walk *w)
{
	const struct cred *c = w->cred;

	return c->superuser ? "root" : c->uid == w->attr.uid ? "its owner" :
	    cred_in_group(c, w->attr.gid) ? "of its group" : "one of the others";
}

static void
say_place(struct walk *w)
{
	say(w, "%s: %s, mode %04o, owner %u:%u; here the user is %s", w->path, kind_of(w),
	    w->attr.mode & 07777u, w->attr.uid, w->attr.gid, class_of(w));
}

/* --- who it is --- */

static const char *
squash_word(uint8_t squash)
{
	static const char *const words[] = { [SQUASH_NONE] = "root is root",
		[SQUASH_ROOT] = "root becomes anonymous", [SQUASH_ALL] = "all become anonymous",
		[SQUASH_ADMIN] = "all become root" };

	return words[squash];
}

static bool
let_in(struct walk *w, const struct rest_explain *ask, const struct share_rules *rules,
    const struct export_rule **rulep)
{
	uint8_t addr[16] = { [10] = 0xff, [11] = 0xff };

	if (inet_pton(AF_INET, ask->address, addr + 12) != 1)
		(void)!inet_pton(AF_INET6, ask->address, addr);
	*rulep = grant_rule(rules, addr, PORT_OF_ROOT);
	if (*rulep == NULL) {
		say(w, "no export rule lets %s in", ask->address);
		return false;
	}
	say(w, "export rule \"%s\" lets %s in: %s, %s%s", (*rulep)->hosts, ask->address,
	    (*rulep)->read_only ? "read-only" : "read and write", squash_word((*rulep)->squash),
	    (*rulep)->secure ? "; from a port below 1024 only" : "");
	return true;
}

static void
say_level(struct walk *w, const struct share_rules *rules, const struct claim *claim)
{
	static const char *const words[] = { [LEVEL_NONE] = "none", [LEVEL_READ] = "read",
		[LEVEL_WRITE] = "read-write", [LEVEL_ADMIN] = "admin" };

	if (!rules->gated)
		say(w, "no levels are asked: the share is defined in the file of settings");
	else if (w->cred->superuser)
		say(w, "level: all, as root");
	else if (claim->uid == 0)
		say(w, "level: %s, the default, as root is not trusted", words[rules->level]);
	else
		say(w, "level: %s", words[rules_level(rules, claim->uid, claim->gid, claim->gids,
		    claim->ngids)]);
	if (rules->read_only)
		say(w, "the share is read-only");
}

static void
say_who(struct walk *w, const struct rest_explain *ask, const struct share_rules *rules)
{
	const struct rules_map *m = rules_mapped(rules, ask->uid);

	if (m != NULL)
		say(w, "uid %u of clients is mapped to %u:%u", ask->uid, m->uid, m->gid);
	if (w->cred->uid != (m != NULL ? m->uid : ask->uid))
		say(w, "squashed: acts as %u:%u", w->cred->uid, w->cred->gid);
	else
		say(w, "acts as %u:%u, in %u more groups", w->cred->uid, w->cred->gid,
		    w->cred->ngids);
}

/* --- where it leads --- */

static enum status
step(struct walk *w, const char *name)
{
	struct file_id dir = w->at;
	enum status st = run(w, OP_LOOKUP, name, w->cred, see_found);
	size_t len = strlen(w->path);
	struct text path;

	if (st == ST_ACCES)
		say(w, "\"%s\" cannot be looked up: the folder gives %s no right to search", name,
		    class_of(w));
	else if (st == ST_NOENT)
		say(w, "\"%s\" does not exist", name);
	else if (st != OK)
		say(w, "\"%s\": %s", name, status_text(st));
	if (st != OK) {
		w->at = dir;
		return st;
	}
	path = text_of(w->path + len, sizeof w->path - len);
	text_addf(&path, "/%s", name);
	say_place(w);
	return OK;
}

static enum status
walk_path(struct walk *w, const char *rest)
{
	char name[REST_PATH_TEXT];
	enum status st = OK;

	while (st == OK && *(rest += strspn(rest, "/")) != '\0') {
		size_t n = strcspn(rest, "/");

		snprintf(name, sizeof name, "%.*s", (int)n, rest);
		rest += n;
		if (w->attr.type == TYPE_LNK) {
			say(w, "the client follows the link by itself: ask for what it leads to");
			return ST_NOTDIR;
		}
		st = step(w, name);
	}
	return st;
}

static void
say_access(struct walk *w)
{
	static const struct { uint32_t bit; const char *word;
	} bits[] = {
		{ ACCESS_READ, "read" },
		{ ACCESS_LOOKUP, "look up" },
		{ ACCESS_MODIFY, "modify" },
		{ ACCESS_EXTEND, "extend" },
		{ ACCESS_DELETE, "delete from" },
		{ ACCESS_EXECUTE, "execute" },
	};
	char list[100] = "nothing";
	struct text t = text_of(list, sizeof list);

	for (size_t i = 0; i < ARRAY_LEN(bits); i++)
		if (w->out->access & bits[i].bit)
			text_addf(&t, "%s%s", t.len > 0 ? ", " : "", bits[i].word);
	say(w, "may: %s", list);
}

static void
explain(struct walk *w, const struct rest_explain *ask, struct share_rules *rules)
{
	const struct export_rule *rule;
	struct claim claim = { .flavour = CRED_SYS, .uid = ask->uid, .gid = ask->gid,
		.ngids = (uint16_t)ask->ngids, .gids = ask->gids };

	if (!let_in(w, ask, rules, &rule))
		return;
	w->cred = auth_judge(rules, rule, &claim);
	say_who(w, ask, rules);
	say_level(w, rules, &claim);
	if (w->cred->barred) {
		say(w, "without a level the share may be mounted, and nothing in it used");
		return;
	}
	if (run(w, OP_ATTACH, NULL, w->cred, see_found) != OK)
		return;
	say_place(w);
	if (walk_path(w, ask->rest) != OK)
		return;
	w->out->reached = run(w, OP_ACCESS, NULL, w->cred, see_access) == OK;
	say_access(w);
}

enum status
explain_access(const struct rest_explain *ask, struct rest_explained *out)
{
	struct walk w = { .share = registry_by_name(ask->share, strlen(ask->share)), .out = out };
	struct share_rules *rules;

	*out = (struct rest_explained){ .lines = 0 };
	if (w.share == NULL)
		return ST_NOENT;
	snprintf(w.path, sizeof w.path, "%s", ask->share);
	rules = share_rules_get(w.share);
	explain(&w, ask, rules);
	if (w.cred != NULL)
		cred_put(&w.cred);
	rules_put(&rules);
	share_put(&w.share);
	return OK;
}
