/*
 * The laws of pipeline/contract/keyring.h, over any keeper.
 */
#ifndef TESTS_CONTRACT_KEYRING_SUITE_H
#define TESTS_CONTRACT_KEYRING_SUITE_H

#include "pipeline/contract/keyring.h"

struct keyring_maker {
	const char *kind;
	char secret[2][80];		/* two lines, as an operator would write them */
	enum status (*open)(const char *path, struct keyring **kp, char *why, size_t why_cap);
};

void keyring_suite(const struct keyring_maker *m);

/* A file of those lines, mode 0600 unless said otherwise; its path, in static storage. */
const char *keyring_secrets_file(const char *first, const char *second, unsigned mode);

#endif
