/* SPDX-License-Identifier: MIT */
#include "treadle/retry.h"

#include <math.h>

/*
 * Failures and the arithmetic of trying again. Pure: time and chance are the
 * caller's, so that tests can name both.
 */
static const struct {
	const char *text;
	bool is_retried;
	const char *meaning;
} failures[] = {
#define FAILURE(name, text, is_retried, meaning) {text, is_retried, meaning},
#include "treadle/failures.def"
#undef FAILURE
};

const char *failure_text(enum failure_class class)
{
	must((size_t) class < countof(failures));
	return failures[class].text;
}

const char *failure_meaning(enum failure_class class)
{
	must((size_t) class < countof(failures));
	return failures[class].meaning;
}

bool failure_is_retried(enum failure_class class)
{
	must((size_t) class < countof(failures));
	return failures[class].is_retried;
}

int failure_find(struct slice text)
{
	for (size_t i = 0; i < countof(failures); i++)
		if (slice_is(text, failures[i].text))
			return (int)i;
	return -1;
}

struct retry_policy retry_default(void)
{
	struct retry_policy p = {
		.attempts_max = 3,
		.delay_ms = 1000,
		.delay_max_ms = 5 * 60 * 1000,
		.factor = 2,
		.jitter = 0.5,
	};

	for (size_t i = 0; i < countof(failures); i++)
		if (failures[i].is_retried)
			p.classes |= 1u << i;
	return p;
}

int64_t retry_delay_ms(const struct retry_policy *p, const struct failure *f,
		       int attempt, double random)
{
	must(attempt >= 1);
	if (attempt >= p->attempts_max || !(p->classes & 1u << f->class))
		return -1;

	/* pow() may reach infinity; the comparison brings it back. */
	double delay = (double)p->delay_ms * pow(p->factor, attempt - 1);
	if (!(delay < (double)p->delay_max_ms))
		delay = (double)p->delay_max_ms;
	delay *= 1 - p->jitter * (1 - random);

	int64_t ms = (int64_t)delay;
	return ms < f->retry_after_ms ? f->retry_after_ms : ms;
}
