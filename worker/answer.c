/* SPDX-License-Identifier: MIT */
#include "answer.h"

#include <string.h>
#include <strings.h>

#include "treadle/log.h"

#define EXCERPT_MAX 200

/* Headers */

/* Takes a line off the head; false at its end. */
static bool next_header(struct slice *head, struct slice *name,
			struct slice *value)
{
	while (head->len) {
		struct slice line = slice_cut(head, '\n');

		*name = slice_cut(&line, ':');
		*value = slice_trim(line);
		if (name->len && name->data + name->len < value->data)
			return true;
	}
	return false;
}

static jv lower_case(struct slice name)
{
	char text[256];
	size_t len = name.len < sizeof(text) ? name.len : sizeof(text);

	for (size_t i = 0; i < len; i++) {
		char c = name.data[i];

		text[i] = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
	}
	return jv_string_sized(text, (int)len);
}

/* Repeated headers are one with commas between, which Set-Cookie can't be. */
static jv join(jv before, jv name, jv value)
{
	const char *between =
		strcmp(jv_string_value(name), "set-cookie") == 0 ? "\n" : ", ";

	return jv_string_concat(jv_string_append_str(before, between), value);
}

static jv read_headers(struct slice head)
{
	struct slice name, value;
	jv headers = jv_object();

	while (next_header(&head, &name, &value)) {
		jv key = lower_case(name);
		jv text = jv_string_sized(value.data, (int)value.len);
		jv before = jv_object_get(jv_copy(headers), jv_copy(key));

		if (jv_is_valid(before))
			text = join(before, key, text);
		else
			jv_free(before);
		headers = jv_object_set(headers, key, text);
	}
	return headers;
}

/* The body */

static bool ends_in(struct slice text, const char *end)
{
	size_t len = strlen(end);

	return text.len >= len &&
	       strncasecmp(text.data + text.len - len, end, len) == 0;
}

/* application/json, text/json, application/problem+json; charset=utf-8 */
static bool is_json(struct slice head)
{
	struct slice name, value;

	while (next_header(&head, &name, &value)) {
		if (name.len != 12 ||
		    strncasecmp(name.data, "content-type", 12) != 0)
			continue;
		value = slice_trim(slice_cut(&value, ';'));
		return ends_in(value, "/json") || ends_in(value, "+json");
	}
	return false;
}

static int read_body(const struct http_response *r, jv *body, struct error *err)
{
	if (is_json(r->head) && !r->body.len) {
		*body = jv_null();
		return 0;
	}
	if (is_json(r->head)) {
		if (json_parse(r->body, body, err) == 0)
			return 0;
		return error_prefix(err, "the body is not the JSON that its "
					 "content type says: ");
	}
	if (!text_is_utf8(r->body))
		return error_set(err, ERR_INPUT,
				 "the body is not UTF-8; what is no text "
				 "belongs into a file: use `download`");
	*body = jv_string_sized(r->body.data, (int)r->body.len);
	return 0;
}

int answer_read(const struct http_response *r, jv *answer, struct error *err)
{
	jv body;

	if (read_body(r, &body, err) < 0)
		return -1;
	*answer = jv_object_set(jv_object(), jv_string("status"),
				jv_number(r->status));
	*answer = jv_object_set(*answer, jv_string("headers"),
				read_headers(r->head));
	*answer = jv_object_set(*answer, jv_string("body"), body);
	return 0;
}

/* Failures */

static enum failure_class class_of_status(int status)
{
	switch (status) {
	case 408: /* Request Timeout */
	case 425: /* Too Early */
	case 500:
	case 502:
	case 503:
	case 504:
		return FAILURE_TRANSIENT;
	case 429: /* Too Many Requests */
		return FAILURE_THROTTLED;
	default:
		return FAILURE_REJECTED;
	}
}

static enum failure_class class_of_result(const struct http_response *r)
{
	switch (r->result) {
	case HTTP_ANSWERED:
		return class_of_status(r->status);
	case HTTP_LATE:
		return FAILURE_TIMEOUT;
	case HTTP_TOO_LARGE:
		return FAILURE_TOO_LARGE;
	case HTTP_DENIED:
	case HTTP_MALFORMED:
	case HTTP_UNTRUSTED:
		return FAILURE_REJECTED;
	case HTTP_STOPPED:
		return FAILURE_ERROR;
	case HTTP_UNREACHABLE:
	case HTTP_CANCELLED:
		return FAILURE_TRANSIENT;
	}
	must(false);
	return FAILURE_ERROR;
}

/* What a URL says may be secret from its query on. */
static void add_place(struct buf *detail, const char *url)
{
	size_t scheme = strcspn(url, ":");
	struct slice host = http_host(url);
	const char *path = host.data + host.len;

	buf_addf(detail, "%.*s://%.*s%.*s", (int)scheme, url, (int)host.len,
		 host.data, (int)strcspn(path, "?#"), path);
}

/* The beginning of a body, fit to be shown. */
static void add_excerpt(struct buf *detail, struct slice body)
{
	struct buf excerpt;

	if (body.len > EXCERPT_MAX)
		body.len = EXCERPT_MAX;
	buf_init(&excerpt, EXCERPT_MAX);
	buf_add(&excerpt, body.data, body.len);
	log_redact(&excerpt);
	buf_adds(detail, ": ");
	text_escape(detail, buf_slice(&excerpt));
	buf_clear(&excerpt);
}

static void add_status(struct buf *detail, const struct http_response *r)
{
	struct slice body = slice_trim(r->body);

	if (r->location) {
		buf_adds(detail, ": it redirects to ");
		add_place(detail, r->location);
		buf_adds(detail, "; redirects are followed for GET and HEAD, "
				 "5 times, within the same origin");
	} else if (body.len) {
		add_excerpt(detail, body);
	}
}

void answer_failure(const struct http_response *r, const char *url,
		    struct failure *f, struct buf *detail)
{
	struct slice host = http_host(url);

	*f = (struct failure){.class = class_of_result(r),
			      .code = r->status,
			      .retry_after_ms = r->retry_after_ms};
	if (r->result == HTTP_ANSWERED) {
		buf_addf(detail, "HTTP %d from %.*s", r->status, (int)host.len,
			 host.data);
		add_status(detail, r);
	} else {
		buf_addf(detail, "%.*s: %s", (int)host.len, host.data,
			 r->reason);
	}
	f->detail = buf_slice(detail);
}
