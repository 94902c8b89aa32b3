/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_TEST_S3_AUTHORIZATION_H
#define TREADLE_TEST_S3_AUTHORIZATION_H

#include <string.h>

#include "treadle/text.h"

/* "Authorization: AWS4-HMAC-SHA256 Credential=..., SignedHeaders=..., ..." */
struct authorization {
	struct slice access_key, date, region, scope, headers, signature;
};

static inline bool cut_part(struct slice *rest, const char *name,
			    struct slice *value)
{
	struct slice part = slice_trim(slice_cut(rest, ','));

	*value = part;
	slice_cut(value, '=');
	return slice_starts(part, name);
}

static inline bool read_authorization(struct slice line,
				      struct authorization *a)
{
	struct slice credential, rest;

	if (!slice_is(slice_cut(&line, ' '), "AWS4-HMAC-SHA256") ||
	    !cut_part(&line, "Credential=", &credential) ||
	    !cut_part(&line, "SignedHeaders=", &a->headers) ||
	    !cut_part(&line, "Signature=", &a->signature))
		return false;
	a->access_key = slice_cut(&credential, '/');
	a->scope = rest = credential;
	a->date = slice_cut(&rest, '/');
	a->region = slice_cut(&rest, '/');
	return slice_is(rest, "s3/aws4_request");
}

static inline bool names_have(struct slice names, const char *wanted)
{
	while (names.len)
		if (slice_is(slice_cut(&names, ';'), wanted))
			return true;
	return false;
}

#endif
