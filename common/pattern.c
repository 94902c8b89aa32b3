/* SPDX-License-Identifier: MIT */
#include "pattern.h"

#include <regex.h>
#include <stdlib.h>
#include <string.h>

#define COST_MAX 2000
#define DEPTH_MAX 32

/*
 * How much a pattern is for glibc, about: each atom one, times the bounds of
 * the repetitions it is in. Each copy of an atom becomes states, and each way
 * through what may be left out is followed, so nesting multiplies.
 */
struct estimate {
	const char *at, *end;
	long sums[DEPTH_MAX + 1]; /* of each open group */
	int depth;
	long last;     /* of the atom before, which a bound multiplies */
	bool is_group; /* that atom */
};

static void skip_set(struct estimate *e)
{
	e->at++;
	if (e->at < e->end && *e->at == '^')
		e->at++;
	if (e->at < e->end && *e->at == ']')
		e->at++;
	while (e->at < e->end && *e->at != ']')
		e->at++;
}

/* The atom before comes `bound` times. */
static void multiply(struct estimate *e, long bound)
{
	e->sums[e->depth] += e->last * (bound - 1);
	e->last *= bound;
}

/*
 * Of a group that may match nothing, each copy can be left out, and glibc
 * looks at all pairs of copies.
 */
static void repeat(struct estimate *e, long bound)
{
	if (e->is_group && bound > 8)
		bound *= bound / 8;
	multiply(e, bound < 2 ? 2 : bound);
}

/* At the brace of {3}, {3,} or {3,5}; false if it is something else. */
static bool read_bound(struct estimate *e, long *bound)
{
	long number = 0;

	*bound = 1;
	while (++e->at < e->end && *e->at != '}') {
		if (*e->at == ',')
			number = 0;
		else if (*e->at < '0' || *e->at > '9')
			return false;
		else if (number <= COST_MAX)
			number = number * 10 + (*e->at - '0');
		*bound = number > *bound ? number : *bound;
	}
	return e->at < e->end;
}

static void add_atom(struct estimate *e, long cost)
{
	e->last = cost;
	e->is_group = false;
	e->sums[e->depth] += cost;
}

static bool open_group(struct estimate *e)
{
	if (e->depth == DEPTH_MAX)
		return false;
	e->sums[++e->depth] = 0;
	return true;
}

static void close_group(struct estimate *e)
{
	long group = e->sums[e->depth];

	if (e->depth)
		e->depth--;
	else
		e->sums[0] = group = 0;
	add_atom(e, group ? group : 1);
	e->is_group = true;
}

/* False if it is too much. */
static bool add_token(struct estimate *e)
{
	long bound;

	switch (*e->at) {
	case '(':
		return open_group(e);
	case ')':
		close_group(e);
		break;
	case '*': /* each doubles the ways through, or, a+, the atom itself */
	case '?':
	case '+':
		multiply(e, 2);
		break;
	case '{':
		if (!read_bound(e, &bound))
			return false;
		repeat(e, bound);
		break;
	case '[':
		skip_set(e);
		add_atom(e, 1);
		break;
	case '\\':
		e->at++;
		add_atom(e, 1);
		break;
	default:
		add_atom(e, 1);
	}
	return e->sums[e->depth] <= COST_MAX && e->last <= COST_MAX;
}

static bool is_bounded(struct slice pattern)
{
	struct estimate e = {.at = pattern.data,
			     .end = pattern.data + pattern.len};

	for (; e.at < e.end; e.at++)
		if (!add_token(&e))
			return false;
	return true;
}

/* What other dialects mean by \d, POSIX takes for a plain d. */
static int check_escapes(struct slice pattern, struct error *err)
{
	for (size_t i = 0; i + 1 < pattern.len; i++) {
		if (pattern.data[i] != '\\')
			continue;
		char c = pattern.data[++i];
		bool is_alnum = (c >= '0' && c <= '9') ||
				(c >= 'a' && c <= 'z') ||
				(c >= 'A' && c <= 'Z');
		if (is_alnum && !strchr("wWsSbB", c))
			return error_set(err, ERR_INPUT,
					 "pattern has \"\\%c\", which POSIX "
					 "expressions lack%s",
					 c, c == 'd' ? ": write [0-9]" : "");
	}
	return 0;
}

int pattern_check(struct slice pattern, struct error *err)
{
	char reason[128];
	regex_t regex;

	if (pattern.len > PATTERN_LEN_MAX)
		return error_set(err, ERR_INPUT,
				 "pattern is longer than %d bytes",
				 PATTERN_LEN_MAX);
	if (memchr(pattern.data, '\0', pattern.len))
		return error_set(err, ERR_INPUT, "pattern has a NUL byte");
	if (check_escapes(pattern, err) != 0)
		return -1;
	if (!is_bounded(pattern))
		return error_set(err, ERR_INPUT,
				 "pattern repeats too much or has a malformed "
				 "bound: use smaller ones, or maxLength");
	int code = regcomp(&regex, pattern.data, REG_EXTENDED | REG_NOSUB);
	if (code == 0) {
		regfree(&regex);
		return 0;
	}
	regerror(code, &regex, reason, sizeof(reason));
	return error_set(err, ERR_INPUT, "pattern can't be compiled: %s",
			 reason);
}

bool pattern_matches(struct slice pattern, struct slice text)
{
	regmatch_t range = {.rm_so = 0, .rm_eo = (regoff_t)text.len};
	regex_t regex;

	/* One that wasn't checked must at least not take for ever. */
	if (pattern.len > PATTERN_LEN_MAX || !is_bounded(pattern) ||
	    regcomp(&regex, pattern.data, REG_EXTENDED) != 0)
		return false;
	bool matches = regexec(&regex, text.data, 1, &range, REG_STARTEND) == 0;
	regfree(&regex);
	return matches;
}
