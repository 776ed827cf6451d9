/*
 * A fixed array behind one mutex; mounts are rare, so it is searched from end to end.
 */
#include "gateway/nfs/mount/list.h"

#include "pipeline/base/clock.h"
#include "pipeline/base/mutex.h"

#include <stdlib.h>

struct mounted {
	uint8_t addr[16];
	uint8_t len;
	uint64_t at_ns;
	uint8_t path[MOUNT_LIST_PATH_MAX];
};

static struct mutex mutex;
static struct mounted *list;		/* oldest first */
static uint32_t count, room;

void
mount_list_start(uint32_t most)
{
	mutex_init(&mutex, RANK_SESSION, 0);
	list = xcalloc(most, sizeof *list);
	room = most;
	count = 0;
}

void
mount_list_stop(void)
{
	free(TAKE(&list));
	room = count = 0;
	mutex_destroy(&mutex);
}

static bool
is(const struct mounted *m, const uint8_t addr[16], struct slice path)
{
	return memcmp(m->addr, addr, 16) == 0 &&
	    slice_eq(slice_of(m->path, m->len), path);
}

static void
remove_locked(uint32_t i)
{
	memmove(&list[i], &list[i + 1], (count - i - 1) * sizeof *list);
	count--;
}

static void
drop_locked(const uint8_t addr[16], struct slice path)
{
	for (uint32_t i = count; i-- > 0;)
		if (is(&list[i], addr, path))
			remove_locked(i);
}

void
mount_list_add(const uint8_t addr[16], struct slice path)
{
	struct mounted *m;

	if (path.len > MOUNT_LIST_PATH_MAX || room == 0)
		return;
	mutex_lock(&mutex);
	drop_locked(addr, path);
	if (count == room)
		remove_locked(0);
	m = &list[count++];
	memcpy(m->addr, addr, 16);
	memcpy(m->path, path.at, path.len);
	m->len = (uint8_t)path.len;
	m->at_ns = clock_wall_ns();
	mutex_unlock(&mutex);
}

void
mount_list_drop(const uint8_t addr[16], struct slice path)
{
	mutex_lock(&mutex);
	drop_locked(addr, path);
	mutex_unlock(&mutex);
}

void
mount_list_drop_all(const uint8_t addr[16])
{
	mutex_lock(&mutex);
	for (uint32_t i = count; i-- > 0;)
		if (memcmp(list[i].addr, addr, 16) == 0)
			remove_locked(i);
	mutex_unlock(&mutex);
}

void
mount_list_each(bool (*see)(const struct mount_seen *m, void *arg), void *arg)
{
	mutex_lock(&mutex);
	for (uint32_t i = 0; i < count; i++) {
		struct mount_seen m = { list[i].addr, slice_of(list[i].path, list[i].len),
			list[i].at_ns };

		if (!see(&m, arg))
			break;
	}
	mutex_unlock(&mutex);
}
