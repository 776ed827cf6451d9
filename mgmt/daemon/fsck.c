/*
 * One share after the other is opened, checked and closed; of each a line for every difference and
 * one that sums up.  The worst of them is the exit code.
 */
#include "mgmt/daemon/fsck.h"

#include "mgmt/daemon/assemble.h"
#include "mgmt/rest/stored.h"
#include "mgmt/shares/wire.h"
#include "pipeline/base/log.h"
#include "pipeline/base/text.h"
#include "pipeline/sync/fsck.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WHY_MAX = 600 };

struct round {
	const struct fsck_wish *wish;
	uint64_t meta_bytes;
	const char *name;		/* of the share at hand */
	uint64_t lines;			/* of it, that were printed */
	unsigned shares;		/* that were looked at */
	bool found, mended, left, failed;
	bool tell, told;		/* progress: to a terminal; there is a line of it */
};

static const char *const fates[] = { [FSCK_MENDS] = "repairable", [FSCK_MENDED] = "repaired",
	[FSCK_LEFT] = "left" };

/* --- saying --- */

static void
put_json(const char *s)
{
	putchar('"');
	for (; *s != '\0'; s++) {
		if (*s == '"' || *s == '\\')
			printf("\\%c", *s);
		else if ((unsigned char)*s < 0x20)
			printf("\\u%04x", (unsigned)*s);
		else
			putchar(*s);
	}
	putchar('"');
}

static void
progress_over(struct round *r)
{
	if (r->told)
		fprintf(stderr, "\r%*s\r", 70, "");
	r->told = false;
}

static void
progress(void *arg, const char *step, uint64_t rows)
{
	struct round *r = arg;

	if (!r->tell)
		return;
	fprintf(stderr, "\r%.30s: %.20s %-12llu", r->name, step, (unsigned long long)rows);
	r->told = true;
}

static void
line_json(const struct round *r, const struct fsck_line *l)
{
	printf("%s{\"kind\":\"%s\",\"id\":\"%s\",\"first\":\"%s\",\"says\":%lld,\"second\":\"%s\","
	    "\"found\":%lld,\"fate\":\"%s\",\"why\":\"%s\"}", r->lines > 0 ? "," : "", l->word,
	    l->id, l->first, (long long)l->says, l->second, (long long)l->found, fates[l->fate],
	    l->fate == FSCK_LEFT ? l->why : "");
}

static void
line(void *arg, const struct fsck_line *l)
{
	struct round *r = arg;

	progress_over(r);
	if (r->wish->json)
		line_json(r, l);
	else
		printf("%s: %s %s: %s %lld, %s %lld; %s%s%s\n", r->name, l->word, l->id, l->first,
		    (long long)l->says, l->second, (long long)l->found,
		    l->fate == FSCK_MENDS ? "--repair mends it" : fates[l->fate],
		    l->fate == FSCK_LEFT && *l->why != '\0' ? ": " : "",
		    l->fate == FSCK_LEFT ? l->why : "");
	r->lines++;
}

/* How it ended, in a word. */
static const char *
outcome(const struct fsck_seen *s)
{
	return s->differences == 0 ? "clean" : s->left == 0 ? "repaired" : "left";
}

static void
sum_text(const struct round *r, const struct fsck_seen *s)
{
	if (s->differences == 0)
		printf("%s: clean", r->name);
	else
		printf("%s: %llu differences, %llu repaired, %llu left", r->name,
		    (unsigned long long)s->differences, (unsigned long long)s->mended,
		    (unsigned long long)s->left);
	printf("; %llu inodes, %llu names, %llu leaves, %llu chunks, %llu containers, %llu files",
	    (unsigned long long)s->inodes, (unsigned long long)s->names,
	    (unsigned long long)s->leaves, (unsigned long long)s->chunks,
	    (unsigned long long)s->containers, (unsigned long long)s->files);
	if (r->wish->remote)
		printf(", %llu objects", (unsigned long long)s->objects);
	printf("; work left: %llu reap rows, %llu dying containers, %llu orphans, "
	    "%llu files without a row%s, %llu rows behind\n", (unsigned long long)s->reaps,
	    (unsigned long long)s->dying, (unsigned long long)s->orphans,
	    (unsigned long long)s->files_unnamed,
	    r->wish->repair && s->files_unnamed > 0 ? " (removed)" : "",
	    (unsigned long long)s->rows_behind);
}

static void
sum_json(const struct fsck_seen *s, const char *why)
{
	static const struct { const char *name; size_t at; } figure[] = {
#define FIGURE(member) { #member, offsetof(struct fsck_seen, member) }
		FIGURE(inodes), FIGURE(names), FIGURE(used_bytes), FIGURE(maps), FIGURE(leaves),
		FIGURE(chunks), FIGURE(containers), FIGURE(files), FIGURE(objects),
		FIGURE(mended), FIGURE(left), FIGURE(reaps), FIGURE(dying), FIGURE(orphans),
		FIGURE(files_unnamed), FIGURE(rows_behind),
#undef FIGURE
	};

	printf("],\"result\":\"%s\"", why != NULL ? "not run" : outcome(s));
	for (size_t i = 0; i < sizeof figure / sizeof figure[0]; i++) {
		uint64_t v;

		memcpy(&v, (const char *)s + figure[i].at, sizeof v);
		printf(",\"%s\":%llu", figure[i].name, (unsigned long long)v);
	}
	printf(",\"error\":");
	put_json(why != NULL ? why : "");
	printf("}");
}

/* --- a share --- */

static enum status
check(struct round *r, const struct share_conf *conf, const struct store_spec *remote,
    struct fsck_seen *seen, char *why)
{
	struct fsck_conf how = { .repair = r->wish->repair,
		.remote = r->wish->remote && remote != NULL,
		.say = line, .progress = progress, .arg = r };
	struct share *s;
	enum status st;

	st = share_wire_alone(conf, remote, r->meta_bytes, &s, why, WHY_MAX);
	if (st != OK)
		return st;
	st = fsck_run(s, &how, seen);
	if (st != OK)
		snprintf(why, WHY_MAX, "share %s: %s", conf->name, status_text(st));
	share_unwire_alone(&s);
	return st;
}

static void
judge(struct round *r, const struct fsck_seen *s, enum status st)
{
	r->failed |= st != OK;
	r->mended |= s->mended > 0;
	r->left |= s->left > 0;
}

static void
one(struct round *r, const struct share_conf *conf, const struct store_spec *remote,
    const char *wrong)
{
	struct fsck_seen seen = { 0 };
	char why[WHY_MAX] = "";
	enum status st = ST_INVAL;

	if (r->wish->share != NULL && strcmp(r->wish->share, conf->name) != 0)
		return;
	r->found = true;
	if (r->wish->share == NULL && strcmp(conf->meta, "memory") == 0) {
		fprintf(stderr, "dfs: share %s is on the memory store: nothing is kept of it\n",
		    conf->name);
		return;
	}
	r->name = conf->name;
	r->lines = 0;
	if (r->wish->json) {
		printf("%s{\"share\":", r->shares > 0 ? "," : "");
		put_json(conf->name);
		printf(",\"differences\":[");
	}
	r->shares++;
	if (wrong != NULL)
		snprintf(why, sizeof why, "share %s: %s", conf->name, wrong);
	else
		st = check(r, conf, remote, &seen, why);
	progress_over(r);
	if (st != OK)
		fprintf(stderr, "dfs: %s\n", why[0] != '\0' ? why : status_text(st));
	if (r->wish->json)
		sum_json(&seen, st != OK ? why : NULL);
	else if (st == OK)
		sum_text(r, &seen);
	judge(r, &seen, st);
}

static void
stored(void *arg, const struct share_conf *conf, const struct store_spec *remote, const char *wrong)
{
	one(arg, conf, remote, wrong);
}

static void
of_file(struct round *r, const struct config *c)
{
	for (uint32_t i = 0; i < c->nshares; i++) {
		const struct config_remote *remote = config_remote_of(c, c->shares[i].remote);
		struct config_remote_room room;
		struct store_spec spec;
		char why[WHY_MAX] = "";
		enum status st = remote != NULL ?
		    config_remote_spec(remote, &room, &spec, why, sizeof why) : OK;

		one(r, &c->shares[i], remote != NULL ? &spec : NULL, st != OK ? why : NULL);
	}
}

/* The database's, where there is one. */
static void
of_database(struct round *r, const struct config *c)
{
	char path[CONFIG_STR_MAX + 32], why[WHY_MAX] = "";
	enum status st;

	snprintf(path, sizeof path, "%s%s", c->db_path[0] ? c->db_path : c->state_dir,
	    c->db_path[0] ? "" : "/controlplane.db");
	if (access(path, F_OK) != 0)
		return;
	st = rest_shares_stored(path, c->state_dir, stored, r, why, sizeof why);
	if (st == OK)
		return;
	fprintf(stderr, "dfs: the control database: %s\n", why[0] != '\0' ? why : status_text(st));
	r->failed = true;
}

int
fsck_command(const struct config *c, const struct fsck_wish *wish)
{
	struct round r = { .wish = wish, .tell = isatty(STDERR_FILENO) };

	log_open(STDERR_FILENO, false, LOG_LEVEL_ERROR);
	house_open_alone(c, &r.meta_bytes);
	if (wish->json)
		printf("{\"shares\":[");
	of_file(&r, c);
	if (c->plane)
		of_database(&r, c);
	if (wish->json)
		printf("]}\n");
	house_close();
	if (!r.found && wish->share != NULL)
		fprintf(stderr, "dfs: no share is called %s\n", wish->share);
	if (!r.found && wish->share == NULL && !r.failed)
		fprintf(stderr, "dfs: there is no share\n");
	if (r.failed || (!r.found && wish->share != NULL))
		return FSCK_EXIT_NOT_RUN;
	return r.left ? FSCK_EXIT_LEFT : r.mended ? FSCK_EXIT_MENDED : FSCK_EXIT_CLEAN;
}
