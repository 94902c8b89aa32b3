/* SPDX-License-Identifier: MIT */
#include "pattern.h"

#include <regex.h>
#include <stdlib.h>
#include <string.h>

#define COST_MAX 2000
#define OPTIONAL_COST_MAX 200 /* of what may be left out */
#define ANCHOR_COST 40
#define PATHS_MAX 100
#define DEPTH_MAX 32

/*
 * How much a pattern is for glibc, about: each atom one, times the bounds of
 * the repetitions it is in. Each copy of an atom becomes states, and each way
 * through what may be left out is followed, so nesting multiplies.
 *
 * What may be left out in several ways (`((a?)?){9}` in 512) costs a loop
 * around it all of them: so these paths are counted, too.
 */
struct level {
	long sum;   /* of its atoms */
	long paths; /* through it without an atom, of its alternatives so far */
	long here;  /* of the one that is being read */
};

struct estimate {
	const char *at, *end;
	struct level levels[DEPTH_MAX + 1]; /* of each open group */
	int depth;
	long last;     /* of the atom before, which a bound multiplies */
	long paths;    /* around that atom */
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

/* More than a limit stays more than that. */
static long product(long a, long b)
{
	const long many = 1 << 20;

	return a * b < many ? a * b : many;
}

static long power(long base, long exponent)
{
	long result = 1;

	while (exponent-- > 0 && result != 0 && base != 1)
		result = product(result, base);
	return result;
}

/* The atom before comes `bound` times. */
static void multiply(struct estimate *e, long bound)
{
	e->levels[e->depth].sum += e->last * (bound - 1);
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

struct bounds {
	long least, most;
	bool is_open;
};

/* At the brace of {3}, {3,} or {3,5}; false if it is something else. */
static bool read_bounds(struct estimate *e, struct bounds *b)
{
	long number = 0;
	bool has_comma = false;

	*b = (struct bounds){.most = 1};
	while (++e->at < e->end && *e->at != '}') {
		if (*e->at == ',') {
			has_comma = true;
			b->least = number;
			b->is_open = e->at + 1 < e->end && e->at[1] == '}';
			number = 0;
		} else if (*e->at < '0' || *e->at > '9') {
			return false;
		} else if (number <= COST_MAX) {
			number = number * 10 + (*e->at - '0');
		}
		b->most = number > b->most ? number : b->most;
	}
	if (!has_comma)
		b->least = number;
	return e->at < e->end;
}

static bool add_bounds(struct estimate *e)
{
	long paths = e->paths;
	struct bounds b;

	if (!read_bounds(e, &b))
		return false;
	repeat(e, b.most);
	e->is_group = true; /* {5}{9} */
	/* What is over `least` may be left out, a loop be gone through. */
	e->paths = product(power(paths, b.least),
			   power(paths + 1, b.is_open || b.most == b.least
						    ? b.is_open
						    : b.most - b.least));
	return (!b.is_open && paths < 2) || e->paths <= PATHS_MAX;
}

/* The atom before is as it is: nothing repeats it any more. */
static void settle(struct estimate *e)
{
	struct level *l = &e->levels[e->depth];

	l->here = product(l->here, e->paths);
	e->paths = 1;
}

static void add_atom(struct estimate *e, long cost, long paths)
{
	settle(e);
	e->last = cost;
	e->paths = paths;
	e->is_group = false;
	e->levels[e->depth].sum += cost;
}

static void end_alternative(struct estimate *e)
{
	struct level *l = &e->levels[e->depth];

	settle(e);
	l->paths += l->here;
	l->here = 1;
}

static bool open_group(struct estimate *e)
{
	settle(e);
	if (e->depth == DEPTH_MAX)
		return false;
	e->levels[++e->depth] = (struct level){.here = 1};
	return true;
}

static void close_group(struct estimate *e)
{
	struct level group;

	if (e->depth == 0) { /* glibc will refuse it */
		add_atom(e, 1, 0);
		return;
	}
	end_alternative(e);
	group = e->levels[e->depth--];
	add_atom(e, group.sum ? group.sum : 2, group.paths);
	e->is_group = true;
}

/* False if it is too much. */
static bool add_token(struct estimate *e)
{
	const struct level *l;
	bool is_good = true;

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
		e->paths += e->paths || *e->at != '+';
		is_good = e->paths <= PATHS_MAX;
		break;
	case '{':
		is_good = add_bounds(e);
		break;
	case '[':
		skip_set(e);
		add_atom(e, 1, 0);
		break;
	case '\\':
		e->at++;
		add_atom(e, 1, 0);
		break;
	case '|':
		end_alternative(e);
		add_atom(e, 1, 1);
		break;
	case '^': /* each way past one within is a state of its own */
	case '$':
		add_atom(e, e->depth ? ANCHOR_COST : 1, 1);
		break;
	default:
		add_atom(e, 1, 0);
	}
	l = &e->levels[e->depth];
	return is_good && l->sum <= COST_MAX &&
	       e->last <= (e->paths ? OPTIONAL_COST_MAX : COST_MAX);
}

static bool is_bounded(struct slice pattern)
{
	struct estimate e = {.at = pattern.data,
			     .end = pattern.data + pattern.len,
			     .levels[0].here = 1,
			     .paths = 1};

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
