/*
 * Structured lines: `event key=value …`, as text or JSON, one line a cause, rate-limited by
 * event.  Secrets never reach it.  An event's name is a constant.
 *
 *	log_info("share.open", F_STR("share", name), F_U64("lsn", lsn));
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };

struct log_field {
	const char *key;
	enum { LOG_FIELD_STR, LOG_FIELD_U64, LOG_FIELD_I64, LOG_FIELD_HEX } kind;
	const char *str;
	uint64_t num;
};

#define F_STR(k, s)	((struct log_field){ (k), LOG_FIELD_STR, (s), 0 })
#define F_U64(k, n)	((struct log_field){ (k), LOG_FIELD_U64, NULL, (uint64_t)(n) })
#define F_I64(k, n)	((struct log_field){ (k), LOG_FIELD_I64, NULL, (uint64_t)(n) })
#define F_HEX(k, n)	((struct log_field){ (k), LOG_FIELD_HEX, NULL, (uint64_t)(n) })

extern _Atomic enum log_level log_least; /* set before threads start, or by an operator's change */

/* Lines go to fd; json chooses the form. */
void log_open(int fd, bool json, enum log_level least);
void log_line(enum log_level level, const char *event, const struct log_field *fields, size_t n);

#define log_at(level, event, ...)						\
	do {									\
		if ((level) >= log_least) {					\
			const struct log_field fields_[] = { __VA_ARGS__ };	\
			log_line(level, event, fields_, sizeof fields_ / sizeof fields_[0]); \
		}								\
	} while (0)
#define log_debug(event, ...)	log_at(LOG_LEVEL_DEBUG, event, __VA_ARGS__)
#define log_info(event, ...)	log_at(LOG_LEVEL_INFO, event, __VA_ARGS__)
#define log_warn(event, ...)	log_at(LOG_LEVEL_WARN, event, __VA_ARGS__)
#define log_error(event, ...)	log_at(LOG_LEVEL_ERROR, event, __VA_ARGS__)

#endif
