/* SPDX-License-Identifier: MIT */
#include "treadle/store_each.h"

#include "store_call.h"

static bool read_code(struct store_call *call, const struct reply *reply,
		      const struct redis_failure *failure)
{
	enum end_code code = END_GONE;

	if (!failure && !store_read_code(reply->text, &code))
		return false;
	call->to.code(call->arg, code, failure);
	return true;
}

void store_expand(struct store *s, const char *worker,
		  const struct step_ref *ref, size_t first, struct slice bytes,
		  const size_t *ends, size_t count, store_code_fn *on_kept,
		  void *arg)
{
	struct store_call call = {.function = STORE_expand,
				  .read = read_code,
				  .to.code = on_kept,
				  .arg = arg};
	struct command c;
	size_t at = 0;

	store_begin(s, STORE_expand, &c);
	command_text(&c, worker);
	store_command_attempt(&c, ref);
	command_int(&c, (int64_t)first);
	for (size_t i = 0; i < count; at = ends[i++])
		command_slice(&c,
			      (struct slice){bytes.data + at, ends[i] - at});
	store_send(s, &c, &call, -1);
}

static bool read_results(struct store_call *call, const struct reply *reply,
			 const struct redis_failure *failure)
{
	if (failure) {
		call->to.results(call->arg, NULL, 0, failure);
		return true;
	}
	if (reply->type != REPLY_ARRAY)
		return false;
	call->to.results(call->arg, reply->items, reply->count, NULL);
	return true;
}

void store_results(struct store *s, const char *run, const char *step,
		   size_t first, store_results_fn *on_results, void *arg)
{
	struct store_call call = {.function = STORE_results,
				  .read = read_results,
				  .to.results = on_results,
				  .arg = arg};
	struct command c;

	store_begin(s, STORE_results, &c);
	command_text(&c, run);
	command_text(&c, step);
	command_int(&c, (int64_t)first);
	store_send(s, &c, &call, -1);
}
