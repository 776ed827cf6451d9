/*
 * Access bits: what ACCESS asks and permission checks grant.  RFC 1813 §3.3.4's numbers.
 */
#ifndef MODEL_ACCESS_H
#define MODEL_ACCESS_H

enum {
	ACCESS_READ = 1, ACCESS_LOOKUP = 2, ACCESS_MODIFY = 4, ACCESS_EXTEND = 8,
	ACCESS_DELETE = 16, ACCESS_EXECUTE = 32,
};

#endif
