/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "bucket.h"
#include "password.h"

/* What S3 calls its refusals, and what helps. */
#define CODE_MAX 40
static const struct {
	const char *code, *remedy;
} remedies[] = {
	{"SignatureDoesNotMatch",
	 "blobs.secret_key is not that of blobs.access_key, or blobs.region is "
	 "another"},
	{"InvalidAccessKeyId", "blobs.access_key is not known there"},
	{"AccessDenied",
	 "blobs.access_key needs s3:GetObject, s3:PutObject, s3:DeleteObject "
	 "and s3:ListBucket"},
	{"RequestTimeTooSkewed", "set this machine's clock"},
	{"NoSuchBucket", "make it, or set blobs.bucket"},
	{"NoSuchKey",
	 "it was deleted, or is in another bucket or behind another "
	 "blobs.prefix; treadle retry RUN --from STEP makes it anew"},
	{"AuthorizationHeaderMalformed", "set blobs.region"},
	{"PermanentRedirect", "set blobs.endpoint to where the bucket is"},
	{"TemporaryRedirect", "set blobs.endpoint to where the bucket is"},
	{"XAmzContentSHA256Mismatch", "it was damaged on its way"},
	{"EntityTooLarge", "the bucket takes no blob that large"},
	{"QuotaExceeded", "make room there"},
};

/* The text between <Code> and </Code>, if it can be one. */
static void read_code(struct slice body, char code[CODE_MAX])
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "abcdefghijklmnopqrstuvwxyz0123456789.";
	const char *at = memmem(body.data, body.len, "<Code>", 6);
	struct slice rest;

	*code = '\0';
	if (!at)
		return;
	rest = (struct slice){at + 6, body.len - (size_t)(at + 6 - body.data)};
	rest = slice_cut(&rest, '<');
	for (size_t i = 0; i < rest.len; i++)
		if (!rest.data[i] || !strchr(allowed, rest.data[i]))
			return;
	if (rest.len < CODE_MAX)
		snprintf(code, CODE_MAX, "%.*s", (int)rest.len, rest.data);
}

static const char *remedy_of(const char *code)
{
	for (size_t i = 0; i < countof(remedies); i++)
		if (strcmp(remedies[i].code, code) == 0)
			return remedies[i].remedy;
	return *code ? "" : "is blobs.endpoint that of an S3 service?";
}

static bool may_pass(int status, const char *code)
{
	return status == 408 || status == 429 ||
	       (status >= 500 && status != 501) ||
	       strcmp(code, "RequestTimeout") == 0 ||
	       strcmp(code, "OperationAborted") == 0;
}

/* Who looks for nothing, or wants it gone, is content with its absence. */
static bool is_well(enum blob_verb verb, int status, const char *code)
{
	if (verb == BLOB_GET || verb == BLOB_PUT)
		return status == 200;
	return (status >= 200 && status <= 299) ||
	       (status == 404 && strcmp(code, "NoSuchKey") == 0);
}

static enum bucket_verdict judge_answer(enum blob_verb verb,
					const struct http_response *r,
					char why[BUCKET_WHY_MAX])
{
	char code[CODE_MAX];
	const char *remedy;

	read_code(r->body, code);
	if (is_well(verb, r->status, code))
		return BUCKET_WELL;
	if (may_pass(r->status, code)) {
		snprintf(why, BUCKET_WHY_MAX, "it answers %d%s%s", r->status,
			 *code ? " " : "", code);
		return BUCKET_AGAIN;
	}
	remedy = remedy_of(code);
	snprintf(why, BUCKET_WHY_MAX, "it answers %d%s%s%s%s", r->status,
		 *code ? " " : "", code, *remedy ? ": " : "", remedy);
	return BUCKET_NEVER;
}

enum bucket_verdict bucket_judge(enum blob_verb verb,
				 const struct http_response *r,
				 char why[BUCKET_WHY_MAX])
{
	switch (r->result) {
	case HTTP_ANSWERED:
		return judge_answer(verb, r, why);
	case HTTP_STOPPED:
	case HTTP_TOO_LARGE:
		snprintf(why, BUCKET_WHY_MAX,
			 "it is damaged: there are more bytes than there "
			 "should be");
		return BUCKET_NEVER;
	case HTTP_UNREACHABLE:
	case HTTP_LATE:
		snprintf(why, BUCKET_WHY_MAX, "%s", r->reason);
		return BUCKET_AGAIN;
	case HTTP_CANCELLED:
	case HTTP_DENIED:
	case HTTP_MALFORMED:
	case HTTP_UNTRUSTED:
		break;
	}
	snprintf(why, BUCKET_WHY_MAX, "%s", r->reason);
	return BUCKET_NEVER;
}

/* --- the options -----------------------------------------------------------
 */

static bool is_made_of(const char *text, const char *more)
{
	for (; *text; text++)
		if (!(*text >= 'a' && *text <= 'z') &&
		    !(*text >= '0' && *text <= '9') && !strchr(more, *text))
			return false;
	return true;
}

/* host may have a port behind it. */
static bool is_loopback(struct slice host)
{
	char name[64];
	struct in_addr address;

	if (slice_starts(host, "[::1]"))
		return true;
	host = slice_cut(&host, ':');
	snprintf(name, sizeof(name), "%.*s", (int)host.len, host.data);
	return strcmp(name, "localhost") == 0 ||
	       (inet_pton(AF_INET, name, &address) == 1 &&
		ntohl(address.s_addr) >> 24 == 127);
}

/* "https://host[:port][/path]": what goes over the net is encrypted. */
static int check_endpoint(const char *text, struct error *err)
{
	bool is_plain = strncmp(text, "http://", 7) == 0;
	struct slice host = http_host(text);
	const char *rest = text + (is_plain ? 7 : 8);

	if (!*text)
		return 0;
	if (!is_plain && strncmp(text, "https://", 8) != 0)
		return error_set(err, ERR_USAGE,
				 "blobs.endpoint must begin with https:// or, "
				 "on this machine, http://");
	if (host.data != rest || host.len == 0 ||
	    !is_made_of(rest, "ABCDEFGHIJKLMNOPQRSTUVWXYZ-._~/:[]"))
		return error_set(err, ERR_USAGE,
				 "blobs.endpoint must be "
				 "https://host[:port][/path] and no more");
	if (is_plain && !is_loopback(host))
		return error_set(err, ERR_USAGE,
				 "blobs.endpoint: http:// is for this machine "
				 "only (127.0.0.1, localhost); use https://");
	return 0;
}

static int check_keys(const struct config *config, struct error *err)
{
	const char *file = config->blobs.secret_key_file;
	char secret[PASSWORD_MAX];
	int result;

	if (!*config->blobs.access_key)
		return error_set(err, ERR_USAGE,
				 "blobs.bucket is set, but no "
				 "blobs.access_key");
	if (*file) {
		result = password_read(file, "--blobs-secret-key-file", secret,
				       err);
		explicit_bzero(secret, sizeof(secret));
		return result;
	}
	if (!*config->blobs.secret_key)
		return error_set(err, ERR_USAGE,
				 "blobs.bucket is set, but neither "
				 "blobs.secret_key_file nor blobs.secret_key");
	if (strlen(config->blobs.secret_key) >= sizeof(secret))
		return error_set(err, ERR_USAGE,
				 "blobs.secret_key is too long");
	return 0;
}

int bucket_check(const struct config *config, struct error *err)
{
	size_t len = strlen(config->blobs.bucket);

	if (len < 3 || len > 63 || !is_made_of(config->blobs.bucket, "-."))
		return error_set(err, ERR_USAGE,
				 "blobs.bucket: \"%.80s\" can't be a bucket: "
				 "use 3 to 63 of [a-z0-9.-]",
				 config->blobs.bucket);
	if (!*config->blobs.region || !is_made_of(config->blobs.region, "-"))
		return error_set(err, ERR_USAGE,
				 "blobs.region: \"%.80s\" can't be a region: "
				 "use [a-z0-9-]",
				 config->blobs.region);
	if (strlen(config->blobs.prefix) > 512 ||
	    *config->blobs.prefix == '/' ||
	    strstr(config->blobs.prefix, "..") ||
	    strstr(config->blobs.prefix, "//") ||
	    !is_made_of(config->blobs.prefix, "-._/"))
		return error_set(err, ERR_USAGE,
				 "blobs.prefix: \"%.80s\" can't begin the name "
				 "of an object: use [a-z0-9._/-], as in "
				 "\"treadle/\"",
				 config->blobs.prefix);
	if (check_endpoint(config->blobs.endpoint, err) < 0)
		return -1;
	return check_keys(config, err);
}
