/*
 * Which bytes may be a name.
 */
#include "pipeline/model/name.h"

enum status
name_check(struct slice name)
{
	if (name.len == 0)
		return ST_NAME_INVAL;
	if (name.len > NAME_BYTES_MAX)
		return ST_NAMETOOLONG;
	for (uint32_t i = 0; i < name.len; i++)
		if (name.at[i] == '/' || name.at[i] == '\0')
			return ST_NAME_INVAL;
	return OK;
}
