/*
 * Epoch reclamation over ck_epoch: readers of shared tables stand in a section; what they might
 * still see is freed only when all have left.  A section never spans a ring, a park or a wait.
 * A thread registers itself on first use and leaves when it ends.
 */
#ifndef BASE_EPOCH_H
#define BASE_EPOCH_H

struct epoch_entry {
	struct epoch_entry *next;
	void (*free)(struct epoch_entry *e);
};

void epoch_begin(void);			/* sections nest */
void epoch_end(void);

/* Call free(e) once no section that runs now can still see it.  Any thread, never blocks. */
void epoch_defer(struct epoch_entry *e, void (*free)(struct epoch_entry *e));

/* Give finished deferrals their call; home workers and pools do so when they go idle. */
void epoch_poll(void);

/* Wait until every section that runs now has ended and all deferrals so far were called. */
void epoch_drain(void);

#endif
