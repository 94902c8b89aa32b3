/* SPDX-License-Identifier: MIT */
#include "request.h"

#include <string.h>
#include <strings.h>

#include "param.h"

#define URL_MAX (64 << 10)
#define BODY_MAX (64 << 20)
#define HEADERS_MAX 100

/* URL */

static void add_encoded(struct buf *out, struct slice text)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789-._~";

	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.data[i];

		if (c && strchr(plain, c))
			buf_addc(out, (char)c);
		else
			buf_addf(out, "%%%02X", c);
	}
}

/* name=value&name=value */
static void add_pairs(struct buf *out, jv map)
{
	bool is_first = true;

	jv_object_foreach (map, name, value) {
		if (!is_first)
			buf_addc(out, '&');
		is_first = false;
		add_encoded(out, value_text(name));
		buf_addc(out, '=');
		add_encoded(out, value_text(value));
		jv_free(name);
		jv_free(value);
	}
}

static int check_url(const char *url, struct error *err)
{
	if (strncasecmp(url, "http://", 7) != 0 &&
	    strncasecmp(url, "https://", 8) != 0)
		return error_set(err, ERR_INPUT,
				 "url must begin with http:// "
				 "or https://");
	if (strlen(url) > URL_MAX) /* libcurl would not take it */
		return error_set(err, ERR_INPUT, "url is longer than 64 KiB");
	for (const char *p = url; *p; p++)
		if ((unsigned char)*p <= ' ' || *p == 0x7f)
			return error_set(err, ERR_INPUT,
					 "url holds a blank or control "
					 "character; write it encoded, or use "
					 "`query`");
	return 0;
}

/* The query goes before the fragment, behind what is there already. */
static int url_make(struct attempt *a, struct http_request *r,
		    struct error *err)
{
	const char *url = param_text(a, "url");
	size_t len = strcspn(url, "#");
	jv query = param_get(a, "query");
	struct buf out;
	int result;

	r->url = url;
	if (check_url(url, err) < 0 || !jv_is_valid(query)) {
		jv_free(query);
		return check_url(url, err);
	}
	buf_init(&out, URL_MAX);
	buf_add(&out, url, len);
	if (jv_object_length(jv_copy(query)) > 0)
		buf_addc(&out, memchr(url, '?', len) ? '&' : '?');
	add_pairs(&out, query);
	buf_adds(&out, url + len);
	r->url = arena_copy(&a->arena, buf_slice(&out)).data;
	result = out.is_full ? error_set(err, ERR_INPUT,
					 "url with query is longer than 64 KiB")
			     : 0;
	buf_clear(&out);
	jv_free(query);
	return result;
}

/* Body */

static int check_bodies(const struct attempt *a, struct error *err)
{
	static const char *const names[] = {"json", "form", "body"};
	int count = 0;

	for (size_t i = 0; i < countof(names); i++) {
		jv value = param_get(a, names[i]);

		count += jv_is_valid(value);
		jv_free(value);
	}
	if (count > 1)
		return error_set(err, ERR_INPUT,
				 "json, form and body exclude each other");
	return 0;
}

/* Gives the type of what it has made, or NULL where there is no body. */
static const char *body_print(const struct attempt *a, struct buf *out)
{
	jv json = param_get(a, "json"), form = param_get(a, "form");
	const char *type = NULL;

	if (jv_is_valid(json)) {
		type = "application/json";
		if (json_print(json, out) < 0)
			out->is_full = true;
	} else if (jv_is_valid(form)) {
		type = "application/x-www-form-urlencoded";
		add_pairs(out, form);
	}
	jv_free(json);
	jv_free(form);
	return type;
}

static int body_make(struct attempt *a, struct http_request *r,
		     const char **type, struct error *err)
{
	const char *text = param_text(a, "body");
	struct buf out;

	*type = NULL;
	r->body = SLICE("");
	if (check_bodies(a, err) < 0)
		return -1;
	if (text) {
		*type = "text/plain; charset=utf-8";
		r->body = slice_of(text);
	} else {
		buf_init(&out, BODY_MAX);
		*type = body_print(a, &out);
		r->body = arena_copy(&a->arena, buf_slice(&out));
		buf_clear(&out);
		if (out.is_full)
			return error_set(err, ERR_INPUT,
					 "the body is larger than 64 MiB");
	}
	r->has_body = *type != NULL;
	return 0;
}

/* Method and headers */

static bool is_token(const char *text)
{
	static const char others[] = "!#$%&'*+-.^_`|~";

	if (!*text)
		return false;
	for (const char *p = text; *p; p++)
		if (!(*p >= 'a' && *p <= 'z') && !(*p >= 'A' && *p <= 'Z') &&
		    !(*p >= '0' && *p <= '9') && !strchr(others, *p))
			return false;
	return true;
}

static int method_make(struct attempt *a, struct http_request *r,
		       struct error *err)
{
	const char *method = param_text(a, "method");
	char *upper;

	r->method = r->has_body ? "POST" : "GET";
	if (!method)
		return 0;
	if (!is_token(method) || strlen(method) > 32)
		return error_set(err, ERR_INPUT,
				 "method must be one word such as GET or PUT");
	upper = arena_strdup(&a->arena, method);
	for (char *p = upper; *p; p++)
		if (*p >= 'a' && *p <= 'z')
			*p = (char)(*p - 'a' + 'A');
	r->method = upper;
	if (strcmp(upper, "HEAD") == 0 && r->has_body)
		return error_set(err, ERR_INPUT, "HEAD has no body");
	if (strcmp(upper, "CONNECT") == 0)
		return error_set(err, ERR_INPUT, "CONNECT is not supported");
	return 0;
}

/* These tell where a message ends: they are the client's to set. */
static bool is_framing(const char *name)
{
	return strcasecmp(name, "Content-Length") == 0 ||
	       strcasecmp(name, "Transfer-Encoding") == 0 ||
	       strcasecmp(name, "Connection") == 0 ||
	       strcasecmp(name, "Upgrade") == 0 || strcasecmp(name, "TE") == 0;
}

static int check_header(const char *name, const char *value, struct error *err)
{
	if (!is_token(name))
		return error_set(err, ERR_INPUT,
				 "headers: a name holds a character that is "
				 "not allowed");
	if (is_framing(name))
		return error_set(err, ERR_INPUT,
				 "headers: %s is set by the worker itself",
				 name);
	for (const char *p = value; *p; p++)
		if (((unsigned char)*p < ' ' && *p != '\t') || *p == 0x7f)
			return error_set(err, ERR_INPUT,
					 "headers: the value of %s holds a "
					 "control character",
					 name);
	return 0;
}

struct header_list {
	struct arena *arena;
	const char *lines[HEADERS_MAX + 8]; /* NULL at the end */
	size_t count;
};

static bool has_header(const struct header_list *h, const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < h->count; i++)
		if (strncasecmp(h->lines[i], name, len) == 0 &&
		    strchr(":;", h->lines[i][len]))
			return true;
	return false;
}

/* "Name;" is how libcurl is told of a header without a value. */
static void add_header(struct header_list *h, const char *name,
		       const char *value)
{
	must(h->count + 1 < countof(h->lines));
	h->lines[h->count++] =
		value[strspn(value, " \t")]
			? arena_printf(h->arena, "%s: %s", name, value)
			: arena_printf(h->arena, "%s;", name);
}

static void add_default(struct header_list *h, const char *name,
			const char *value)
{
	if (!has_header(h, name))
		add_header(h, name, value);
}

static int add_params(struct header_list *h, jv map, struct error *err)
{
	int result = 0;

	if (jv_object_length(jv_copy(map)) > HEADERS_MAX)
		return error_set(err, ERR_INPUT, "headers: more than %d",
				 HEADERS_MAX);
	jv_object_foreach (map, name, value) {
		const char *n = jv_string_value(name);
		const char *v = jv_string_value(value);

		if (result == 0)
			result = check_header(n, v, err);
		if (result == 0)
			add_header(h, n, v);
		jv_free(name);
		jv_free(value);
	}
	return result;
}

static int headers_make(struct attempt *a, struct http_request *r,
			const char *type, struct error *err)
{
	struct header_list *h = arena_calloc(&a->arena, 1, sizeof(*h));
	jv map = param_get(a, "headers");
	int result = 0;

	h->arena = &a->arena;
	if (jv_is_valid(map))
		result = add_params(h, map, err);
	jv_free(map);
	if (result < 0)
		return -1;
	add_default(h, "Idempotency-Key", a->idempotency_key);
	add_default(h, "User-Agent", "treadle/" TREADLE_VERSION);
	if (type)
		add_default(h, "Content-Type", type);
	r->headers = h->lines;
	return 0;
}

int request_make(struct attempt *a, struct http_request *r, struct error *err)
{
	const char *type;

	if (url_make(a, r, err) < 0 || body_make(a, r, &type, err) < 0 ||
	    method_make(a, r, err) < 0)
		return -1;
	return headers_make(a, r, type, err);
}
