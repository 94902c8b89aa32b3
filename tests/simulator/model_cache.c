/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "treadle/base.h"

#include "model_parts.h"

/*
 * The cache: outputs that were committed, each under what says which work it
 * was, for a time. Runs that were submitted so do not ask it; what they give
 * takes the place of what was kept.
 */

static const struct model_cached *found(struct model *m,
					const struct item *item)
{
	const struct model_run *r = model_run_find(m, item->run);
	const struct model_cached *of = &m->cache[item->cache];

	if (!of->run || m->now >= of->ends || (r && r->is_uncached))
		return NULL;
	return of;
}

void model_recall(struct model *m, const struct call *c, struct answer *a)
{
	char text[2 * TEXT_MAX], name[TEXT_MAX], output[TEXT_MAX];

	for (int i = 0; i < c->count; i++) {
		const struct model_cached *of = found(m, &c->items[i]);

		model_count(m, of ? COUNT_CACHE_HITS : COUNT_CACHE_MISSES, 1);
		text[0] = '\0';
		if (of) {
			name_source(name, of->run, of->step);
			name_payload(output, 'o', of->output);
			snprintf(text, sizeof(text), "%s %s", name, output);
			a->items[a->count].source_run = of->run;
			a->items[a->count].source_step = of->step;
			a->items[a->count].output = of->output;
		}
		answer_word(a, text);
	}
}

void model_remember(struct model *m, const struct call *c, struct answer *a)
{
	answer_word(a, m->is_memory_full ? "FULL" : "KEPT");
	if (m->is_memory_full)
		return;
	for (int i = 0; i < c->count; i++) {
		const struct item *item = &c->items[i];

		m->cache[item->cache] = (struct model_cached){
			item->run, item->step, item->payload,
			m->now + item->when};
	}
}
