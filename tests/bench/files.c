/*
 * Whole files: CLIENTS threads, each on a connection of its own, make a file, write 4 KiB to it
 * and commit it, over and over: what an archive that is unpacked does.
 *
 *	bench_files PORT MOUNT_PORT EXPORT CLIENTS SECONDS
 *
 * One line: files/s and the median and 99th percentile of a file's time in µs.
 */
#include "tests/lib/nfs_client.h"

#include "pipeline/base/clock.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CLIENTS_MAX = 64, SAMPLES = 1 << 17, BYTES = 4096 };

static struct { const char *export; int port, mount_port; uint64_t until_ns; } conf;

struct client {
	pthread_t thread;
	int number;
	uint32_t files;
	uint32_t took_us[SAMPLES];
};

static void
want(int status, const char *what)
{
	if (status == NFS_OK)
		return;
	fprintf(stderr, "bench_files: %s: %s\n", what, nfs_stat_name(status));
	exit(1);
}

static struct nfs_fh
folder(struct nfs *n, int number)
{
	static struct mount_res root;
	struct nfs mount = nfs_dial("127.0.0.1", conf.mount_port, 0, 0);
	struct nfs_res r = { 0 };
	struct nfs_fh fh;
	char name[40];

	if (mount.conn == NULL)
		want(NFS_LOST, "connect");
	want(mount_run(&mount, MOUNT_MNT, conf.export, &root), "mount");
	snprintf(name, sizeof name, "files.%d.%d", (int)getpid(), number);
	want(nfs_mkdir(n, &root.fh, name, 0755, &r), "mkdir");
	fh = r.fh;
	nfs_res_free(&r);
	nfs_hangup(&mount);
	return fh;
}

static void *
run(void *arg)
{
	static const uint8_t bytes[BYTES] = { 1 };
	static pthread_mutex_t one = PTHREAD_MUTEX_INITIALIZER;
	struct client *c = arg;
	struct nfs n = nfs_dial("127.0.0.1", conf.port, 0, 0);
	struct nfs_res r = { 0 };
	struct nfs_fh dir, fh;
	uint64_t began;

	if (n.conn == NULL)
		want(NFS_LOST, "connect");
	pthread_mutex_lock(&one);
	dir = folder(&n, c->number);
	pthread_mutex_unlock(&one);
	while ((began = clock_mono_ns()) < conf.until_ns) {
		char name[32];

		snprintf(name, sizeof name, "f%u", c->files);
		want(nfs_create(&n, &dir, name, 0644, &r), "create");
		fh = r.fh;
		want(nfs_write(&n, &fh, 0, bytes, BYTES, NFS_UNSTABLE, &r), "write");
		want(nfs_commit(&n, &fh, 0, 0, &r), "commit");
		c->took_us[c->files++ % SAMPLES] = (uint32_t)((clock_mono_ns() - began) / 1000);
	}
	nfs_res_free(&r);
	nfs_hangup(&n);
	return NULL;
}

static int
by_size(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

int
main(int argc, char **argv)
{
	static struct client clients[CLIENTS_MAX];
	static uint32_t all[CLIENTS_MAX * (size_t)SAMPLES];
	long count = argc == 6 ? strtol(argv[4], NULL, 10) : 0;
	double seconds = argc == 6 ? strtod(argv[5], NULL) : 0;
	size_t n = 0;
	uint64_t files = 0;

	if (count < 1 || count > CLIENTS_MAX || seconds <= 0) {
		fprintf(stderr, "usage: bench_files PORT MOUNT_PORT EXPORT CLIENTS SECONDS\n");
		return 2;
	}
	conf.port = (int)strtol(argv[1], NULL, 10);
	conf.mount_port = (int)strtol(argv[2], NULL, 10);
	conf.export = argv[3];
	conf.until_ns = clock_mono_ns() + (uint64_t)(seconds * 1e9);
	for (int i = 0; i < count; i++) {
		clients[i].number = i;
		if (pthread_create(&clients[i].thread, NULL, run, &clients[i]) != 0)
			return 1;
	}
	for (int i = 0; i < count; i++) {
		pthread_join(clients[i].thread, NULL);
		for (uint32_t k = 0; k < clients[i].files && k < SAMPLES; k++)
			all[n++] = clients[i].took_us[k];
		files += clients[i].files;
	}
	qsort(all, n, sizeof all[0], by_size);
	printf("%.0f %u %u\n", (double)files / seconds, n ? all[n / 2] : 0,
	    n ? all[n * 99 / 100] : 0);
	return 0;
}
