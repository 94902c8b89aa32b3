/* SPDX-License-Identifier: MIT */
#include "outcome.h"

#include "treadle/clock.h"
#include "treadle/log.h"

#include "core.h"
#include "param.h"

enum { DETAIL_SHOWN = 300 };

const char *outcome_verb(enum verb verb)
{
	static const char *const verbs[VERB_COUNT] = {
		[VERB_COMPLETE] = "complete", [VERB_FAIL] = "fail",
		[VERB_DEFER] = "defer",       [VERB_SPAWN] = "spawn",
		[VERB_RELEASE] = "release",
	};

	return verbs[verb];
}

static struct log_fields about(const struct attempt *a)
{
	return (struct log_fields){.run = a->run,
				   .workflow = definition_name(a->definition),
				   .step = a->name,
				   .attempt = a->attempt,
				   .duration_ms = a->end.took_ms};
}

static void log_failed(const struct attempt *a, struct slice detail)
{
	struct log_fields fields = about(a);
	char wait[DURATION_TEXT_MAX];
	int len = (int)(detail.len < DETAIL_SHOWN ? detail.len : DETAIL_SHOWN);

	fields.class = failure_text(a->end.class);
	if (a->end.when < 0 && a->step && step_may_fail(a->step))
		log_warn("step given up", &fields, "%.*s", len, detail.data);
	else if (a->end.when < 0)
		log_warn("step dead", &fields, "%.*s", len, detail.data);
	else
		log_info("step failed", &fields, "%.*s; tried again in %s", len,
			 detail.data, duration_human(a->end.when, wait));
}

static void log_committed(const struct attempt *a, enum verb verb,
			  struct slice told)
{
	struct log_fields fields = about(a);
	char time[TIMESTAMP_TEXT_MAX];

	switch (verb) {
	case VERB_COMPLETE:
		if (a->end.source)
			log_info("step done", &fields, "cached, as %s gave it",
				 a->end.source);
		else
			log_info(a->end.is_skipped ? "step skipped"
						   : "step done",
				 &fields, NULL);
		break;
	case VERB_FAIL:
		log_failed(a, told);
		break;
	case VERB_DEFER:
		if (param_text(a, "signal")) {
			log_info("step parked", &fields, "for signal %s",
				 param_text(a, "signal"));
			break;
		}
		log_info("step put aside", &fields, "until %s",
			 timestamp_format(a->end.when, time));
		break;
	case VERB_SPAWN:
		log_info("step waits for a run", &fields, "%.*s of workflow %s",
			 RUN_ID_LEN, told.data, a->step->performs);
		break;
	default:
		log_info("step handed back", &fields, NULL);
	}
}

void outcome_log(const struct attempt *a, enum verb verb, enum end_code code,
		 struct slice told)
{
	struct log_fields fields;

	if ((verb == VERB_COMPLETE || verb == VERB_FAIL) && a->step &&
	    !a->end.source)
		tally_add(&a->worker->tally, a->step->kind, a->end.took_ms);
	if (code == END_COMMITTED || code == END_DUPLICATE) {
		log_committed(a, verb, told);
		return;
	}
	fields = about(a);
	if (a->stop == STOP_CANCELLED)
		log_info("step cancelled", &fields, NULL);
	else
		log_info("end dropped", &fields, "%s answers %s",
			 outcome_verb(verb), end_code_text(code));
}
