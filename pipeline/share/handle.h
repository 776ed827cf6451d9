/*
 * Handles: what clients hold.  48 bytes, with a MAC, so that none can be forged or guessed; the
 * key is in the share's row and survives restarts and take-overs.  engine.md §4.
 *
 *	u8 version 1 | u8 kind | u8 key id | u8 0 | u64 share | u64 ino | u32 gen | u64 epoch |
 *	u64 stream | u64 SipHash-2-4 of all before        (big-endian, 48 bytes)
 */
#ifndef SHARE_HANDLE_H
#define SHARE_HANDLE_H

#include "pipeline/share/share.h"

enum { HANDLE_BYTES = 48 };

void handle_encode(const struct share *s, const struct file_id *id, uint8_t to[HANDLE_BYTES]);

/* OK: id filled and *sharep holds a reference.  BADHANDLE: not one of ours, damaged or forged.
 * STALE: its share is not here (any more). */
must_check enum status handle_decode(struct slice bytes, struct share **sharep, struct file_id *id);

/* A second handle of a request (RENAME, LINK) must be of the same share: XDEV otherwise. */
must_check enum status handle_decode_same(struct slice bytes, const struct share *s,
    struct file_id *id);

#endif
