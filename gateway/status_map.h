/*
 * One table: a status in the words of each protocol.
 */
#ifndef GATEWAY_STATUS_MAP_H
#define GATEWAY_STATUS_MAP_H

#include "gateway/wire_codes.h"

#include "pipeline/base/status.h"

enum nfsstat3 gateway_nfsstat3(enum status st);
enum nfsstat4 gateway_nfsstat4(enum status st);
uint32_t gateway_ntstatus(enum status st);

#endif
