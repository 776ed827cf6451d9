/*
 * One operation of every kind on the known things, some in several ways, and what its answer must
 * say where it says OK.
 */
#ifndef TESTS_FAULT_SCENE_H
#define TESTS_FAULT_SCENE_H

#include "tests/fault/kit.h"

struct scene {
	const char *name;
	enum op_kind kind;
	/* Whose file, which name; then whatever else it takes. */
	void (*fill)(struct job *job, const struct kit *k);
	/* Is an OK answer true?  NULL: it says nothing but what can be looked at. */
	bool (*answer)(const struct job *job, const struct kit *k);
	bool carved;			/* once the bytes have left the journal */
	bool early;			/* OK may be said before it is durable */
};

extern const struct scene scenes[];
extern const unsigned nscenes;

#endif
