/*
 * Shares as the control database keeps them, for a program that serves nobody.
 */
#ifndef MGMT_REST_STORED_H
#define MGMT_REST_STORED_H

#include "mgmt/shares/spec.h"

/*
 * Each share of the database, disabled ones too, but none that the file of settings has made.
 *
 * each  remote: NULL where it has none; wrong: NULL, or why its row makes no share.  All borrowed
 *       for the call.
 * No rest_start before, and none after.  Fails where the database cannot be read; why says so.
 */
must_check enum status rest_shares_stored(const char *db_path, const char *state_dir,
    void (*each)(void *arg, const struct share_conf *conf, const struct store_spec *remote,
    const char *wrong), void *arg, char *why, size_t why_cap);

#endif
