/* SPDX-License-Identifier: MIT */
#include "tally.h"

#include <stdio.h>

#define X(ms) ms,
static const int bounds[] = {HISTOGRAM_BUCKETS(X)};
#undef X
#define X(ms) #ms,
static const char *const names[] = {HISTOGRAM_BUCKETS(X) "inf"};
#undef X

void tally_add(struct tally *t, enum step_kind kind, double ms)
{
	size_t i = 0;

	while (i < countof(bounds) && ms > bounds[i])
		i++;
	t->took[kind][i]++;
	t->took_ms[kind] += ms;
}

static size_t take_kind(struct tally *t, enum step_kind kind,
			struct counter *counters)
{
	const char *text = step_kind_text(kind);
	int64_t ms = (int64_t)t->took_ms[kind];
	size_t n = 0;

	for (size_t i = 0; i < TALLY_BUCKETS; i++) {
		if (t->took[kind][i] == 0)
			continue;
		snprintf(counters[n].name, sizeof(counters[n].name),
			 "took:%s:%s", text, names[i]);
		counters[n++].increment = t->took[kind][i];
		t->took[kind][i] = 0;
	}
	/* Fractions of a ms are kept for the next time. */
	if (ms > 0) {
		snprintf(counters[n].name, sizeof(counters[n].name),
			 "took_ms:%s", text);
		counters[n++].increment = ms;
		t->took_ms[kind] -= (double)ms;
	}
	return n;
}

size_t tally_take(struct tally *t, struct counter counters[TALLY_COUNTERS])
{
	size_t n = 0;

	for (enum step_kind kind = 0; kind < STEP_KIND_COUNT; kind++)
		n += take_kind(t, kind, counters + n);
	return n;
}
