/* SPDX-License-Identifier: MIT */
#include "params.h"

#include <stdio.h>
#include <string.h>

/*
 * What the types of parameters don't say: what values make sense for each
 * kind. Only what is constant is looked at.
 */

/* The text of a parameter, if it is one and constant; else NULL. */
static const char *constant_text(struct spot s)
{
	if (!value_is_text(s.value) || params_is_dynamic(s.value))
		return NULL;
	return jv_string_value(s.value);
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Calls check for each constant name and value of a map of texts. */
static int each_member(struct spot map, const char *what,
		       int (*check)(struct spot s, const char *what,
				    const char *name, const char *value,
				    struct error *err),
		       struct error *err)
{
	struct members m;
	int result = 0;

	if (jv_get_kind(map.value) != JV_KIND_OBJECT)
		return 0;
	members_init(&m, map.value);
	for (size_t i = 0; i < m.count && result == 0; i++) {
		const char *name = m.items[i].name.data;
		struct spot s = spot_get(map, name);
		result = check(s, what, name, constant_text(s), err);
	}
	members_clear(&m);
	return result;
}

/* --- exec ---------------------------------------------------------------- */

static int check_variable(struct spot s, const char *what, const char *name,
			  const char *value, struct error *err)
{
	size_t len = 0;

	(void)value;
	while (is_letter(name[len]) || name[len] == '_' ||
	       (len && is_digit(name[len])))
		len++;
	if (!len || name[len])
		return spot_complain(s, err,
				     "%sexec.env: \"%.64s\" can't be the name "
				     "of a variable: use [A-Za-z0-9_]",
				     what, name);
	if (strncmp(name, "TREADLE_", 8) == 0)
		return spot_complain(s, err,
				     "%sexec.env: \"%.64s\" is set by the "
				     "worker; choose another name",
				     what, name);
	return 0;
}

static int check_exec(struct spot s, const char *what, struct error *err)
{
	static const char *const outputs[] = {"json", "text", "none"};
	struct spot command = spot_get(s, "command");
	struct spot output = spot_get(s, "output");

	if (jv_get_kind(command.value) == JV_KIND_ARRAY) {
		struct spot program = spot_at(command, 0);
		const char *name = constant_text(program);
		if (spot_is_absent(program) || (name && !*name))
			return spot_complain(command, err,
					     "%sexec.command is empty: it "
					     "begins with the program",
					     what);
	}
	if (each_member(spot_get(s, "env"), what, check_variable, err) != 0)
		return -1;
	const char *text = constant_text(output);
	for (size_t i = 0; text && i < countof(outputs); i++)
		if (strcmp(text, outputs[i]) == 0)
			text = NULL;
	return text ? spot_complain(output, err,
				    "%sexec.output must be json, text or "
				    "none, is \"%.60s\"",
				    what, text)
		    : 0;
}

/* --- http ---------------------------------------------------------------- */

/* What stands before the first ${ must not contradict http:// or https://. */
static bool is_http(const char *url, size_t len, bool is_whole)
{
	static const char *const schemes[] = {"http://", "https://"};

	for (size_t i = 0; i < countof(schemes); i++) {
		size_t all = strlen(schemes[i]);
		bool has_host = !is_whole || len > all;
		if (strncasecmp(url, schemes[i], len < all ? len : all) == 0)
			return has_host;
	}
	return false;
}

static int check_url(struct spot s, const char *what, struct error *err)
{
	const char *url =
		value_is_text(s.value) ? jv_string_value(s.value) : "";
	const char *expression = strstr(url, "${");
	size_t len = expression ? (size_t)(expression - url) : strlen(url);

	if (!is_http(url, len, !expression))
		return spot_complain(s, err,
				     "%shttp.url must begin with http:// or "
				     "https:// and name a host, is \"%.60s\"",
				     what, url);
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)url[i] <= ' ' || url[i] == 0x7f)
			return spot_complain(s, err,
					     "%shttp.url contains a blank or "
					     "control character: encode it, "
					     "or use http.query",
					     what);
	return 0;
}

static int check_method(struct spot s, const char *what, struct error *err)
{
	const char *method = constant_text(s);
	size_t len = 0;

	if (!method)
		return 0;
	while (method[len] >= 'A' && method[len] <= 'Z')
		len++;
	if (len && len <= 16 && !method[len])
		return 0;
	return spot_complain(s, err,
			     "%shttp.method must be a method in upper case "
			     "such as POST, is \"%.60s\"",
			     what, method);
}

static int check_header(struct spot s, const char *what, const char *name,
			const char *value, struct error *err)
{
	size_t len = 0;

	while (name[len] && (is_letter(name[len]) || is_digit(name[len]) ||
			     strchr("!#$%&'*+-.^_`|~", name[len])))
		len++;
	if (!len || name[len])
		return spot_complain(s, err,
				     "%shttp.headers: \"%.64s\" can't be the "
				     "name of a header field",
				     what, name);
	if (value && strpbrk(value, "\r\n"))
		return spot_complain(s, err,
				     "%shttp.headers.%.64s must not contain a "
				     "line break",
				     what, name);
	return 0;
}

static int check_accept(struct spot s, const char *what, struct error *err)
{
	if (jv_get_kind(s.value) != JV_KIND_ARRAY)
		return 0;
	int count = jv_array_length(jv_copy(s.value));
	if (!count)
		return spot_complain(s, err,
				     "%shttp.accept is empty: then nothing "
				     "could succeed",
				     what);
	for (int i = 0; i < count; i++) {
		struct spot item = spot_at(s, i);
		if (jv_get_kind(item.value) != JV_KIND_NUMBER)
			continue;
		double status = jv_number_value(item.value);
		if (status < 100 || status > 599)
			return spot_complain(item, err,
					     "%shttp.accept[%d] must be a "
					     "status from 100 to 599, is %.0f",
					     what, i, status);
	}
	return 0;
}

static int check_body(struct spot s, const char *what, struct error *err)
{
	static const char *const bodies[] = {"json", "form", "body"};
	const char *first = NULL;

	for (size_t i = 0; i < countof(bodies); i++) {
		struct spot body = spot_get(s, bodies[i]);
		if (spot_is_absent(body))
			continue;
		if (first)
			return spot_complain(body, err,
					     "%shttp has \"%s\" and \"%s\": a "
					     "request has one body, keep one",
					     what, first, bodies[i]);
		first = bodies[i];
	}
	return 0;
}

static int check_http(struct spot s, const char *what, struct error *err)
{
	struct spot output = spot_get(s, "output");

	if (check_body(s, what, err) != 0 ||
	    check_url(spot_get(s, "url"), what, err) != 0 ||
	    check_method(spot_get(s, "method"), what, err) != 0 ||
	    each_member(spot_get(s, "headers"), what, check_header, err) != 0)
		return -1;
	if (!spot_is_absent(output) && !spot_is_absent(spot_get(s, "download")))
		return spot_complain(output, err,
				     "%shttp has \"download\" and \"output\": "
				     "the output of a download is its file, "
				     "remove one",
				     what);
	return check_accept(spot_get(s, "accept"), what, err);
}

/* --- wait ---------------------------------------------------------------- */

/* Which signals there are must be known before a run begins. */
static int check_signal(struct spot wait, const char *what, struct error *err)
{
	static const char *const details[] = {"timeout", "prompt"};
	struct spot s = spot_get(wait, "signal");

	if (!spot_is_absent(s)) {
		if (value_is_text(s.value) && text_is_name(value_text(s.value)))
			return 0;
		return spot_complain(s, err,
				     "%swait.signal must be a plain name: 1 to "
				     "64 of [a-z0-9_-], the first a letter or "
				     "digit",
				     what);
	}
	for (size_t i = 0; i < countof(details); i++) {
		struct spot detail = spot_get(wait, details[i]);
		if (!spot_is_absent(detail))
			return spot_complain(detail, err,
					     "%swait.%s is of use with "
					     "\"signal\" only: remove it",
					     what, details[i]);
	}
	return 0;
}

static int check_wait(struct spot s, const char *what, struct error *err)
{
	static const char *const ends[] = {"until", "for", "signal"};
	int count = 0;

	for (size_t i = 0; i < countof(ends); i++)
		count += !spot_is_absent(spot_get(s, ends[i]));
	if (count == 1)
		return check_signal(s, what, err);
	return spot_complain(
		s, err,
		"%swait needs \"until\", \"for\" or "
		"\"signal\"%s",
		what, count ? ", just one of them: remove the others" : "");
}

int params_check(enum step_kind kind, struct spot written, const char *what,
		 struct error *err)
{
	switch (kind) {
	case STEP_exec:
		return check_exec(written, what, err);
	case STEP_http:
		return check_http(written, what, err);
	case STEP_wait:
		return check_wait(written, what, err);
	default:
		return 0;
	}
}
