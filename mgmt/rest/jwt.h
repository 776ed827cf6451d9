/*
 * Tokens: JWT with HS256 and nothing else (RFC 7519, RFC 7515).  The header must be ours to the
 * byte, so that no algorithm is ever chosen by who sends it.
 */
#ifndef MGMT_REST_JWT_H
#define MGMT_REST_JWT_H

#include "mgmt/rest/json.h"

enum { REST_TOKEN_MAX = 4096 };

/* Sign claims; false: they are too long.  The key is text. */
bool rest_jwt_sign(const struct rest_json *claims, const char *key, char to[REST_TOKEN_MAX]);

/* The claims of a token that this key signed, for the caller to free; NULL: not ours. */
struct rest_json *rest_jwt_open(const char *token, const char *key);

#endif
