/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "core.h"
#include "param.h"
#include "treadle/workflow_link.h"

/*
 * Performs another workflow: checks the input of its run by the schema of
 * that, and has Redis create it. The step is parked then, without a worker,
 * until the run is over.
 *
 * A run that has failed leaves the memo {child, class, detail, attempt}, and
 * the step is taken once more: so that attempt fails, by the step's policy.
 */

/* The definition is being asked for; without an attempt nobody waits for it. */
struct asking {
	struct attempt *attempt;
};

/* --- the run has failed --------------------------------------------------- */

static jv memo_get(const struct attempt *a, const char *key)
{
	return jv_is_valid(a->memo) ? value_get(a->memo, key) : jv_invalid();
}

/* Whether the memo is about this attempt: then that has failed. */
static bool has_failed(const struct attempt *a)
{
	jv attempt = memo_get(a, "attempt");
	bool is_own = jv_get_kind(attempt) == JV_KIND_NUMBER &&
		      (int)jv_number_value(attempt) == a->attempt;

	jv_free(attempt);
	return is_own;
}

static void fail_as_told(struct attempt *a)
{
	jv class = memo_get(a, "class"), detail = memo_get(a, "detail");
	int found = value_is_text(class) ? failure_find(value_text(class)) : -1;
	struct failure f = {.class = found < 0 ? FAILURE_ERROR
					       : (enum failure_class)found,
			    .retry_after_ms = -1,
			    .detail = SLICE("")};

	if (value_is_text(detail))
		f.detail = value_text(detail);
	attempt_failed(a, &f);
	jv_free(class);
	jv_free(detail);
}

/* --- its beginning -------------------------------------------------------- */

static void begin(struct attempt *a, const struct workflow *w)
{
	jv input = param_get(a, "input");
	struct buf packed;
	struct error err;

	if (!jv_is_valid(input) || jv_get_kind(input) == JV_KIND_NULL) {
		jv_free(input);
		input = jv_object();
	}
	buf_init(&packed, 2 * INPUT_SIZE_MAX);
	if (workflow_pack_input(w, &input, &packed, &err) != 0)
		attempt_failed_text(a, FAILURE_REJECTED, 0,
				    "workflow %s does not accept this: %s",
				    w->name, err.text);
	else
		attempt_spawned(a, buf_slice(&packed));
	jv_free(input);
	buf_clear(&packed);
}

static void begin_as_stored(struct attempt *a, struct slice bytes)
{
	struct workflow *w;
	struct error err;

	if (bytes.len == 0) {
		attempt_failed_text(a, FAILURE_UNSUPPORTED, 0,
				    "the definition of workflow %s is not "
				    "stored any more",
				    a->step->performs);
	} else if (workflow_decode(bytes, &w, &err) != 0) {
		attempt_failed_text(a, FAILURE_UNSUPPORTED, 0,
				    "workflow %s: %s", a->step->performs,
				    err.text);
	} else {
		begin(a, w);
		workflow_free(w);
	}
}

static void on_definition(void *arg, struct slice bytes,
			  const struct redis_failure *failure)
{
	struct asking *asking = arg;
	struct attempt *a = asking->attempt;

	free(asking);
	if (a && failure)
		attempt_failed_text(a, FAILURE_TRANSIENT, 0, "%s",
				    failure->error.text);
	else if (a)
		begin_as_stored(a, bytes);
}

static void start(struct attempt *a)
{
	struct worker *w = a->worker;
	struct slice digest = slice_of(a->step->definition);
	const struct workflow *known =
		definition_known(&w->definitions, digest);
	struct asking *asking;

	if (has_failed(a)) {
		fail_as_told(a);
	} else if (known) {
		begin(a, known);
	} else {
		asking = xcalloc(1, sizeof(*asking));
		asking->attempt = a;
		a->work = asking;
		store_definition(w->store, digest, -1, on_definition, asking);
	}
}

/* The answer may take for ever, while Redis is away. */
static void stop(struct attempt *a, bool at_once)
{
	struct asking *asking = a->work;

	(void)at_once;
	asking->attempt = NULL;
	attempt_failed_text(a, FAILURE_TRANSIENT, 0, "stopped");
}

const struct kind step_workflow = {.start = start, .stop = stop};
