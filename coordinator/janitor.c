/* SPDX-License-Identifier: MIT */
#include "janitor.h"

#include <inttypes.h>

#include "answer.h"
#include "coordinator.h"

#define SWEEP_MAX 200 /* a run is several keys, freed one by one */
#define PERIOD_MS 60000

static int64_t on_swept(struct duty *d, jv answer)
{
	int64_t removed = answer_number(answer, "removed", 0);
	int64_t definitions = answer_number(answer, "definitions", 0);

	(void)d;
	if (removed)
		log_info("runs removed", NULL,
			 "%" PRId64 ", their time of keeping was over",
			 removed);
	if (definitions)
		log_info("definitions removed", NULL,
			 "%" PRId64 ", no run has used them for a day",
			 definitions);
	return answer_is_true(answer, "more") ? 0 : DUTY_LATER;
}

/*
 * A library may be replaced while nobody loses a connection: a good time to
 * look, whoever leads. So may Redis have been started again.
 */
static void begin(struct duty *d)
{
	store_check(d->coordinator->store);
	rewrite_look(&d->coordinator->rewrite);
	duty_call(d);
}

static const struct duty_kind sweep = {
	.name = "sweep",
	.function = STORE_sweep,
	.limit = SWEEP_MAX,
	.begin = begin,
	.on_answer = on_swept,
};

void janitor_start(struct janitor *j, struct coordinator *c)
{
	int64_t period_ms = c->config->coordinator.retention;

	if (period_ms > PERIOD_MS)
		period_ms = PERIOD_MS;
	/* Who leads calls twice in the time of a lead: that is the period. */
	duty_start(&j->duty, c, &sweep, 2 * period_ms);
	j->duty.more[0] = c->config->coordinator.retention;
	j->duty.more[1] = c->config->coordinator.retention_runs;
	j->duty.more_count = 2;
}

void janitor_stop(struct janitor *j)
{
	duty_stop(&j->duty);
}
