/*
 * The suite over the keeper in a folder, and what only that one must do.
 */
#include "backends/backends.h"
#include "tests/contract/block_suite.h"
#include "tests/lib/check.h"
#include "tests/unit/backends/block/s3/store.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct block_store *
open_at(const char *path)
{
	const struct backends_pair option = { "path", path };
	struct block_store_conf conf = { &option, 1 };
	struct block_store *s = NULL;
	char why[200];

	if (block_store_open("fs", &conf, &s, why, sizeof why) != OK)
		check_fail(__FILE__, __LINE__, "%s", why);
	return s;
}

static struct block_store *
open_fs(const char *place)
{
	char path[512];

	snprintf(path, sizeof path, "%s/%s/below", check_tmpdir(), place);
	return open_at(path);
}

const struct block_factory block_factory = { .durable = true, .conditional = true, .many = 400,
	.open = open_fs };

CASE(an_option_that_is_none_is_named_and_a_relative_folder_refused)
{
	struct backends_pair option = { "pat", "/tmp" };
	struct block_store_conf conf = { &option, 1 };
	struct block_store *s = NULL;
	char why[200];

	EQ(block_store_open("fs", &conf, &s, why, sizeof why), ST_INVAL);
	TRUE(strstr(why, "pat") != NULL);
	option = (struct backends_pair){ "path", "not/absolute" };
	EQ(block_store_open("fs", &conf, &s, why, sizeof why), ST_INVAL);
	EQ(block_store_open("fs", &(struct block_store_conf){ 0 }, &s, why, sizeof why), ST_INVAL);
	EQ(block_store_open("tape", &conf, &s, why, sizeof why), ST_INVAL);
}

static int
files_in(const char *path)
{
	DIR *d = opendir(path);
	struct dirent *e;
	int n = 0;

	TRUE(d != NULL);
	while ((e = readdir(d)) != NULL)
		n += e->d_name[0] != '.';
	closedir(d);
	return n;
}

/* A crash in a PUT leaves a file written aside: never an object, and gone in a day. */
CASE(what_was_written_aside_is_no_object_and_is_tidied)
{
	struct block_store *s;
	char path[512], aside[600], old[700];
	struct timespec day[2] = { { .tv_sec = 1000000000 }, { .tv_sec = 1000000000 } };
	struct waiter w;
	FILE *f;

	snprintf(path, sizeof path, "%s/aside", check_tmpdir());
	s = open_at(path);
	snprintf(aside, sizeof aside, "%s/.aside", path);
	snprintf(old, sizeof old, "%s/0123", aside);
	f = fopen(old, "w");
	TRUE(f != NULL && fclose(f) == 0);
	waiter_init(&w, BLOCK_WALK, "");
	EQ(waiter_run(s, &w), OK);
	EQ(w.count, 0);
	waiter_drop(&w);
	waiter_init(&w, BLOCK_PUT, "a");
	waiter_body(&w, "abcd", 4);
	EQ(waiter_run(s, &w), OK);
	w.call.if_absent = true;
	EQ(waiter_run(s, &w), ST_EXIST);
	waiter_drop(&w);
	EQ(files_in(aside), 1);		/* none of the two PUTs' own is left */
	s->ops->close(s);
	s = open_at(path);
	EQ(files_in(aside), 1);		/* young: its writer may live */
	s->ops->close(s);
	EQ(utimensat(-1, old, day, 0), 0);
	s = open_at(path);
	EQ(files_in(aside), 0);
	s->ops->close(s);
}

CASE(strange_files_in_the_folder_are_not_handed_out)
{
	char path[512], file[600];
	struct block_store *s;
	struct waiter w;
	FILE *f;

	snprintf(path, sizeof path, "%s/strange", check_tmpdir());
	s = open_at(path);
	snprintf(file, sizeof file, "%s/README", path);
	f = fopen(file, "w");
	TRUE(f != NULL && fclose(f) == 0);
	snprintf(file, sizeof file, "%s/%%GG=", path);
	f = fopen(file, "w");
	TRUE(f != NULL && fclose(f) == 0);
	snprintf(file, sizeof file, "%s/link=", path);
	EQ(symlink("/etc/passwd", file), 0);
	waiter_init(&w, BLOCK_WALK, "");
	EQ(waiter_run(s, &w), OK);
	EQ(w.count, 0);
	waiter_drop(&w);
	waiter_init(&w, BLOCK_GET, "link");
	w.call.into = (uint8_t *)file;
	w.call.into_cap = sizeof file;
	TRUE(waiter_run(s, &w) != OK);
	waiter_drop(&w);
	s->ops->close(s);
}
