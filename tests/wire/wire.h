/*
 * What the wire suite's cases share: connections to the server under test, a fresh directory for
 * each case, and the expectation of a status.
 *
 * Where the server is comes from the environment:
 *   DFS_TEST_NFS=host:port:/export   required; root must not be squashed there
 *   DFS_TEST_MOUNT_PORT              MOUNT's port where it is not the same
 *   DFS_TEST_RO_SOURCE=127.0.0.9     an address of ours that may only read; or instead
 *   DFS_TEST_NFS_RO=/export-ro       the same files exported read-only; or neither
 *   DFS_TEST_NFS_OTHER=/other        a second export, another file system, or absent
 *   DFS_TEST_PMAP_PORT               the portmapper's port, or absent
 *   DFS_TEST_RESTART                 command that restarts the server; with the word "kill" it
 *                                    ends it by SIGKILL first; or absent
 */
#ifndef TESTS_WIRE_WIRE_H
#define TESTS_WIRE_WIRE_H

#include "tests/lib/check.h"
#include "tests/lib/nfs_client.h"

/* The result that most cases use; emptied by every call. */
extern struct nfs_res res;

const char *wire_host(void);
int wire_port(void);
int wire_mount_port(void);
const char *wire_export(void);
/* The variable's value; the case is skipped where it is absent. */
const char *wire_need(const char *variable);

/* Connections that stay open over cases: root's, and one a user whose group has his number. */
struct nfs *root(void);
struct nfs *user(uint32_t uid);
/* A connection that may only read, and the export's root by it; skips where there is none. */
struct nfs *reader(struct nfs_fh *ro_top);
/* A new connection, the caller hangs up; as root. */
struct nfs wire_dial(void);
/* Forget all kept connections, for a server that was restarted. */
void wire_drop(void);
void wire_restart(const char *how);

/* The root of an export, by MOUNT; the export under test without an argument. */
struct nfs_fh wire_mount(const char *path);
const struct nfs_fh *top(void);
/* A fresh directory of mode 0777, removed with all in it when the program ends. */
struct nfs_fh fresh(void);

/* Make something as root, and expect that to work. */
struct nfs_fh make_file(const struct nfs_fh *dir, const char *name, uint32_t mode);
struct nfs_fh make_dir(const struct nfs_fh *dir, const char *name, uint32_t mode);
void fill_file(const struct nfs_fh *fh, uint64_t offset, const void *data, uint32_t len);
struct nfs_attr attr_of(const struct nfs_fh *fh);
struct nfs_sattr set_mode(uint32_t mode);
struct nfs_sattr set_owner(uint32_t uid, uint32_t gid);
struct nfs_sattr set_size(uint64_t size);
/* A name of so many bytes; static storage, the next call overwrites it. */
const char *long_name(size_t len);
/* A handle to an object that is gone. */
struct nfs_fh stale_file(void);
struct nfs_fh stale_dir(void);

int time_cmp(struct nfs_time a, struct nfs_time b);
bool same_fh(const struct nfs_fh *a, const struct nfs_fh *b);
void sleep_ms(int ms);

/* A call of that procedure on this handle, all else plausible; RENAME and LINK use it twice. */
int call_on(struct nfs *n, enum nfs_proc proc, const struct nfs_fh *fh, struct nfs_res *r);

void wire_want(const char *file, int line, const char *what, int got, int want, int or_want);
#define WANT(call, want)	wire_want(__FILE__, __LINE__, #call, call, want, want)
#define WANT2(call, a, b)	wire_want(__FILE__, __LINE__, #call, call, a, b)

/* The last reply carries whole wcc data: before and after, and ctime did not go back. */
void wire_wcc(const char *file, int line, const struct nfs_wcc *wcc);
#define WCC(wcc)	wire_wcc(__FILE__, __LINE__, &(wcc))

#endif
