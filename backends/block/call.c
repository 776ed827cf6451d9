/*
 * Names are refused here where any kind of store could take them for something else: what is not
 * printable, and the parts "." and ".." of a path.
 */
#include "backends/block/call.h"

#include "pipeline/base/rand.h"

#include <string.h>

static bool
dots(const char *part, size_t len)
{
	return (len == 1 && part[0] == '.') || (len == 2 && part[0] == '.' && part[1] == '.');
}

static bool
name_ok(const struct block_call *call)
{
	size_t len = strnlen(call->name, sizeof call->name), part = 0;

	if (len == sizeof call->name || (len == 0 && call->kind != BLOCK_WALK))
		return false;
	for (size_t i = 0; i <= len; i++) {
		unsigned char c = (unsigned char)call->name[i];

		if (i < len && (c < ' ' || c == 0x7f))
			return false;
		if (c != '/' && i < len)
			continue;
		if (call->kind != BLOCK_WALK && dots(call->name + part, i - part))
			return false;
		part = i + 1;
	}
	return true;
}

enum status
block_call_check(const struct block_call *call)
{
	uint64_t end;

	if (!name_ok(call))
		return ST_INVAL;
	if (call->kind == BLOCK_GET && __builtin_add_overflow(call->offset, call->len, &end))
		return ST_INVAL;
	return OK;
}

void
block_call_clear(struct block_call *call)
{
	call->status = OK;
	call->got = 0;
	call->text[0] = '\0';
	while (call->request == 0)
		call->request = rand_u64();
}

uint64_t
block_call_wanted(const struct block_call *call, uint64_t size)
{
	uint64_t left = call->offset < size ? size - call->offset : 0;

	return call->len != 0 && call->len < left ? call->len : left;
}
