/* SPDX-License-Identifier: MIT */
#include "submission.h"

#include <string.h>

#define TRIES_MAX 3 /* the definition may be swept between two calls */

struct sending {
	bool is_answered;
	enum submit_code code;
	char run[RUN_ID_LEN + 1];
	struct error error;
};

static void on_submitted(void *arg, const struct submitted *answers,
			 size_t count, const struct redis_failure *failure)
{
	struct sending *d = arg;

	d->is_answered = true;
	if (failure) {
		d->error = failure->error;
		return;
	}
	must(count == 1 && answers[0].run.len <= RUN_ID_LEN);
	d->code = answers[0].code;
	memcpy(d->run, answers[0].run.data, answers[0].run.len);
	d->run[answers[0].run.len] = '\0';
}

static void on_defined(void *arg, const struct redis_failure *failure)
{
	struct sending *d = arg;

	d->is_answered = true;
	if (failure)
		d->error = failure->error;
}

static void await(struct dialogue *d, struct sending *sending)
{
	while (!sending->is_answered)
		uv_run(dialogue_loop(d), UV_RUN_ONCE);
	sending->is_answered = false;
}

int submission_check_key(struct slice key, struct error *err)
{
	if (key.len == 0 || key.len > SUBMISSION_KEY_MAX || !text_is_utf8(key))
		return error_set(err, ERR_INPUT,
				 "a key has 1 to %d bytes of UTF-8",
				 SUBMISSION_KEY_MAX);
	for (size_t i = 0; i < key.len; i++) {
		if ((unsigned char)key.data[i] < 0x20 || key.data[i] == 0x7f)
			return error_set(err, ERR_INPUT,
					 "a key holds no control characters");
	}
	return 0;
}

int submission_conflict(const char *key, struct slice run, struct error *err)
{
	return error_set(err, ERR_CONFLICT,
			 "key \"%.128s\" belongs to run %.*s, which has "
			 "another workflow or input",
			 key, (int)run.len, run.data);
}

int submission_send(struct dialogue *d, const struct workflow *w,
		    const struct submission *sub, char run[RUN_ID_LEN + 1],
		    bool *is_new, struct error *err)
{
	struct sending sending = {.code = SUBMIT_UNDEFINED};
	struct store *store = dialogue_store(d);
	int64_t deadline_ms = dialogue_timeout_ms(d);

	for (int i = 0; i < TRIES_MAX && sending.error.kind == ERR_NONE &&
			sending.code == SUBMIT_UNDEFINED;
	     i++) {
		if (i > 0) {
			store_define(store, w, deadline_ms, on_defined,
				     &sending);
			await(d, &sending);
		}
		if (sending.error.kind != ERR_NONE)
			break;
		store_submit(store, sub, 1, deadline_ms, on_submitted,
			     &sending);
		await(d, &sending);
	}
	if (sending.error.kind != ERR_NONE) {
		*err = sending.error;
		return -1;
	}
	if (sending.code == SUBMIT_UNDEFINED)
		return error_set(err, ERR_BUG, "the definition won't stay");
	if (sending.code == SUBMIT_CONFLICT)
		return submission_conflict(sub->key, slice_of(sending.run),
					   err);

	/* Our own id "exists" where the first answer was lost. */
	*is_new = sending.code == SUBMIT_CREATED ||
		  strcmp(sending.run, sub->run) == 0;
	memcpy(run, *is_new ? sub->run : sending.run, RUN_ID_LEN + 1);
	return 0;
}
