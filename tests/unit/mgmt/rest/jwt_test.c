#include "mgmt/rest/jwt.h"

#include "tests/lib/check.h"

#include <string.h>

#define KEY "0123456789abcdef0123456789abcdef"
#define JWT_MAC "T9yiW3CC7BTtEvfHrfLuoBMsJ9nidw8gCsDr209YwsU"

/* The signature was made with another program's HMAC. */
CASE(a_token_opens_with_its_key_alone)
{
	struct rest_json *claims = rest_json_object(), *got;
	char token[REST_TOKEN_MAX];

	rest_json_put_str(claims, "sub", "alice");
	rest_json_put_int(claims, "exp", 4000000000);
	TRUE(rest_jwt_sign(claims, KEY, token));
	rest_json_free(claims);
	EQ_STR(token,
	    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."
	    "eyJzdWIiOiJhbGljZSIsImV4cCI6NDAwMDAwMDAwMH0." JWT_MAC);
	got = rest_jwt_open(token, KEY);
	TRUE(got != NULL);
	EQ_STR(rest_json_get_str(got, "sub"), "alice");
	rest_json_free(got);
	TRUE(rest_jwt_open(token, "another key of thirty-two bytes!") == NULL);
}

CASE(a_token_that_was_touched_anywhere_does_not_open)
{
	struct rest_json *claims = rest_json_object();
	char token[REST_TOKEN_MAX];

	rest_json_put_str(claims, "sub", "alice");
	TRUE(rest_jwt_sign(claims, KEY, token));
	rest_json_free(claims);
	for (size_t i = 0; token[i] != '\0'; i++) {
		char was = token[i];
		struct rest_json *got;

		token[i] = was == 'A' ? 'B' : 'A';
		got = rest_jwt_open(token, KEY);
		if (got != NULL)
			check_fail(__FILE__, __LINE__, "opens although byte %zu is another", i);
		token[i] = was;
	}
}

CASE(no_other_algorithm_is_taken)
{
	static const char *const tokens[] = {
		"eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9.",
		"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJhZG1pbiJ9.",
		"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9..",
		"..",
		"",
		"a.b.c",
		"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.",
	};

	for (size_t i = 0; i < sizeof tokens / sizeof tokens[0]; i++)
		TRUE(rest_jwt_open(tokens[i], KEY) == NULL);
}

CASE(json_that_is_deep_or_double_is_refused)
{
	char deep[200], why[100];

	memset(deep, '[', 100);
	memset(deep + 100, ']', 100);
	TRUE(rest_json_parse(deep, 200, why, sizeof why) == NULL);
	TRUE(rest_json_parse("{\"a\":1,\"a\":2}", 13, why, sizeof why) == NULL);
	TRUE(rest_json_parse("{\"a\":\"\\u0000\"}", 14, why, sizeof why) == NULL);
	TRUE(rest_json_parse("{\"a\":1} x", 9, why, sizeof why) == NULL);
	struct rest_json *j = rest_json_parse("{\"a\":\"[[\\\"[[[[[\"}", 17, why, sizeof why);
	TRUE(j != NULL);
	rest_json_free(j);
}
