/*
 * A whole gateway without its edge: all floors of the pipeline and one share, in this process.
 * Operations are submitted as jobs of our own, as if a protocol had decoded them.
 */
#ifndef TESTS_LIB_WORLD_H
#define TESTS_LIB_WORLD_H

#include "pipeline/share/share.h"
#include "pipeline/stage/stage.h"
#include "pipeline/stage/worker.h"

/* Start all floors and open the share /world on that store ("memory", "leveldb") in dir. */
void world_start(const char *meta, const char *dir);
void world_start_sealed(const char *meta, const char *dir);	/* a share that encrypts */

/* The same as a figure needs it: no witness over mutexes, more room, errands as they are told.
 * sync, remote: borrowed until the start, and for as long as the world stands. */
struct sync_conf;
struct store_spec;
struct world_how {
	const struct sync_conf *sync;
	const struct store_spec *remote;	/* NULL: none */
	uint64_t journal_bytes;
	uint8_t encryption, compression;
};
void world_start_as(const char *meta, const char *dir, const struct world_how *how);
void world_stop(void);

/* Close the share and open it again from what is on disk, as after a clean stop. */
void world_reopen(void);

struct share *world_share(void);	/* borrowed */
struct file_id world_root(void);

/*
 * One operation: fill in what world_op gives, run it, read the results, world_done it.  Runs
 * as uid:gid 0:0 unless world_as was called on it.
 */
struct job *world_op(enum op_kind kind, struct file_id file, const char *name);
void world_as(struct job *job, uint32_t uid, uint32_t gid);
enum status world_run(struct job *job);
void world_done(struct job **jobp);

/* Whole operations, for what a case only needs on its way; they fail the case where they fail. */
struct file_id world_create(struct file_id dir, const char *name);
struct file_id world_mkdir(struct file_id dir, const char *name);
enum status world_lookup(struct file_id dir, const char *name, struct file_id *found);
enum status world_remove(struct file_id dir, const char *name);
void world_attr(struct file_id file, struct attr *attr);
enum status world_write(struct file_id file, uint64_t at, const void *bytes, uint32_t len,
    enum stability stable);
uint32_t world_read(struct file_id file, uint64_t at, void *to, uint32_t len, bool *eof);

#endif
