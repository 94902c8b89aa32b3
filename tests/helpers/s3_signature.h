/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_TEST_S3_SIGNATURE_H
#define TREADLE_TEST_S3_SIGNATURE_H

#include <gcrypt.h>
#include <time.h>

#include "treadle/crypto.h"

#include "http_listener.h"
#include "s3_authorization.h"

/*
 * AWS Signature Version 4, as a server sees it: what was signed is written
 * anew from what came, and signed with the secret that both know.
 */
#define SKEW_MAX_S (15 * 60)

struct signer {
	const char *access_key, *secret_key, *region;
};

static inline bool is_present(struct slice head, const char *wanted)
{
	struct slice name, value;

	while (next_header(&head, &name, &value))
		if (name.len == strlen(wanted) &&
		    strncasecmp(name.data, wanted, name.len) == 0)
			return true;
	return false;
}

/* Every one that is signed must have come, in order of their names. */
static inline bool add_headers(struct buf *out, struct slice head,
			       struct slice names)
{
	char last[128] = "", name[128];

	while (names.len) {
		struct slice next = slice_cut(&names, ';'), value;

		snprintf(name, sizeof(name), "%.*s", (int)next.len, next.data);
		value = find_header(head, name);
		if (strcmp(last, name) >= 0 || !is_present(head, name))
			return false;
		buf_addf(out, "%s:%.*s\n", name, (int)value.len, value.data);
		snprintf(last, sizeof(last), "%s", name);
	}
	return true;
}

static inline void hmac(unsigned char key[32], size_t key_len,
			struct slice text)
{
	gcry_md_hd_t md;

	must(!gcry_md_open(&md, GCRY_MD_SHA256, GCRY_MD_FLAG_HMAC));
	must(!gcry_md_setkey(md, key, key_len));
	gcry_md_write(md, text.data, text.len);
	memcpy(key, gcry_md_read(md, GCRY_MD_SHA256), 32);
	gcry_md_close(md);
}

static inline void sign(const char *secret, struct slice scope,
			struct slice text, char hex[65])
{
	unsigned char key[512];
	int len = snprintf((char *)key, sizeof(key), "AWS4%s", secret);

	hmac(key, (size_t)len, slice_cut(&scope, '/'));
	while (scope.len)
		hmac(key, 32, slice_cut(&scope, '/'));
	hmac(key, 32, text);
	for (int i = 0; i < 32; i++)
		snprintf(hex + 2 * i, 3, "%02x", key[i]);
}

static inline bool is_timely(struct slice date)
{
	char text[32];
	struct tm tm = {0};
	time_t now = time(NULL), then;

	snprintf(text, sizeof(text), "%.*s", (int)date.len, date.data);
	if (!strptime(text, "%Y%m%dT%H%M%SZ", &tm))
		return false;
	then = timegm(&tm);
	return then - now < SKEW_MAX_S && now - then < SKEW_MAX_S;
}

static inline bool is_signed_by(const struct request *q,
				const struct authorization *a,
				const char *secret)
{
	struct slice date = find_header(q->head, "x-amz-date");
	struct slice hash = find_header(q->head, "x-amz-content-sha256");
	struct buf request, text;
	char hex[65];
	bool is_well;

	buf_init(&request, 1 << 16);
	buf_init(&text, 1 << 12);
	buf_addf(&request, "%.*s\n%.*s\n%.*s\n", (int)q->method.len,
		 q->method.data, (int)q->path.len, q->path.data,
		 (int)q->query.len, q->query.data);
	is_well = add_headers(&request, q->head, a->headers);
	buf_addf(&request, "\n%.*s\n%.*s", (int)a->headers.len, a->headers.data,
		 (int)hash.len, hash.data);
	sha256_hex(buf_slice(&request), hex);
	buf_addf(&text, "AWS4-HMAC-SHA256\n%.*s\n%.*s\n%s", (int)date.len,
		 date.data, (int)a->scope.len, a->scope.data, hex);
	sign(secret, a->scope, buf_slice(&text), hex);
	buf_clear(&request);
	buf_clear(&text);
	return is_well && slice_is(a->signature, hex);
}

/* What S3 would call the fault; NULL if there is none. */
static inline const char *find_fault(const struct request *q,
				     const struct signer *s)
{
	struct slice date = find_header(q->head, "x-amz-date");
	struct slice hash = find_header(q->head, "x-amz-content-sha256");
	struct authorization a;
	char hex[65];

	if (!read_authorization(find_header(q->head, "Authorization"), &a))
		return "AccessDenied";
	if (!slice_is(a.access_key, s->access_key))
		return "InvalidAccessKeyId";
	if (!slice_is(a.region, s->region))
		return "AuthorizationHeaderMalformed";
	if (!is_timely(date))
		return "RequestTimeTooSkewed";
	sha256_hex(q->body, hex);
	if (!slice_is(hash, hex))
		return "XAmzContentSHA256Mismatch";
	if (!names_have(a.headers, "host") ||
	    !names_have(a.headers, "x-amz-date") ||
	    !names_have(a.headers, "x-amz-content-sha256") ||
	    !is_signed_by(q, &a, s->secret_key))
		return "SignatureDoesNotMatch";
	return NULL;
}

#endif
