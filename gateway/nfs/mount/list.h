/*
 * Who says that it has mounted what.  A courtesy: clients that crash never say goodbye,
 * so the list is bounded, in memory alone, and nothing is decided by it.
 */
#ifndef GATEWAY_NFS_MOUNT_LIST_H
#define GATEWAY_NFS_MOUNT_LIST_H

#include "pipeline/base/slice.h"

enum { MOUNT_LIST_PATH_MAX = 255 };

void mount_list_start(uint32_t most);
void mount_list_stop(void);

/* Noted once a client and path; the oldest goes where there is no room. */
void mount_list_add(const uint8_t addr[16], struct slice path);
void mount_list_drop(const uint8_t addr[16], struct slice path);
void mount_list_drop_all(const uint8_t addr[16]);

/* Oldest first, until see says false.  What it sees is valid during the call alone. */
struct mount_seen {
	const uint8_t *addr;		/* 16 bytes */
	struct slice path;
	uint64_t at_ns;			/* clock_wall_ns */
};
void mount_list_each(bool (*see)(const struct mount_seen *m, void *arg), void *arg);

#endif
