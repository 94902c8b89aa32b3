/* SPDX-License-Identifier: MIT */
#ifndef SIMULATOR_MODEL_PARTS_H
#define SIMULATOR_MODEL_PARTS_H

#include "model.h"

/* What the files of the model share. */

/* What the graph says of a step, or of an item. */
static inline const struct shape_step *model_of(const struct model_run *r,
						int step)
{
	return &r->shape->steps[base_of(step)];
}

/* A step is tried again, or its item: its earlier tries do not count. */
void model_reset_step(struct model_run *r, int step);
void model_forget_logs(struct model_run *r, int step);

void model_touch(struct model *m, const struct model_run *r);
void model_count(struct model *m, enum counter c, int64_t increment);
void model_log(struct model_run *r, uint32_t code);

/* The step becomes ready under an entry that is yet to be seen. */
void model_enqueue(struct model *m, struct model_run *r, int step);
/* It leaves its queue, for `state`. */
void model_settle(struct model *m, struct model_run *r, int step,
		  enum step_state state);
void model_delay(struct model *m, struct model_run *r, int step, int64_t due);
/* A step is taken out of wherever it is; a running one if so. */
void model_halt(struct model *m, struct model_run *r, int step,
		bool stops_running);
/* A run ends; what is ready or delayed ends with it, and what runs if so. */
void model_stop(struct model *m, struct model_run *r, enum run_state state,
		bool stops_running);
void model_finish(struct model *m, struct model_run *r, enum run_state state);
void model_remove(struct model *m, struct model_run *r);
/* A running step is dead, and with it its run. */
void model_bury(struct model *m, struct model_run *r, int step,
		enum class class);

/* --- branches (model_branch.c) --- */
/* Who offers to go on with a successor at once; NULL in model_follow: nobody */
struct offer {
	const struct call *call;
	const struct item *item;
	int holder; /* whom the entry was delivered to */
};

/* Whether a step may begin, or be tried again, by what its run is. */
bool model_goes_on(const struct model_run *r, int step);
/*
 * What follows from a step that is settled: returns the one that goes on at
 * the worker, or -1.
 */
int model_follow(struct model *m, struct model_run *r, int step,
		 const struct offer *offer);
/* It is not performed, for nothing that it needs has passed. */
void model_skip(struct model *m, struct model_run *r, int step);
/*
 * A step of a run that is retried, and has all that it needs, begins or is
 * skipped. is_named: by the operator; then it begins in any case.
 */
void model_begin_again(struct model *m, struct model_run *r, int step,
		       bool is_named);
/* A running step is not tried again: dead, or its run goes on. */
void model_give_up(struct model *m, struct model_run *r, int step,
		   enum class class);

/* --- items (model_each.c) --- */
/* The list of a running step is complete; what is to be answered. */
const char *model_spread(struct model *m, const struct item *item);
/* A running item is complete. */
void model_end_item(struct model *m, struct model_run *r, int item,
		    uint32_t result);
/* A running item is not tried again. */
void model_give_up_item(struct model *m, struct model_run *r, int item,
			enum class class);
bool model_has_ended(const struct model_run *r, int item);
/* Nothing is left of the items of a step. */
void model_forget_items(struct model *m, struct model_run *r, int step);
/* What had not ended of them goes on. */
void model_resume_items(struct model *m, struct model_run *r, int step);
/* One that has ended is to be performed again. */
void model_reopen_item(struct model *m, struct model_run *r, int item);
/* Does the workflow of a step provide for such a failure? */
bool model_provides_for(const struct shape_step *of, enum class class);
/*
 * The step that the caller holds, or NULL and why not. ended, attempt: what
 * this very attempt may have become already.
 */
struct model_step *model_held(struct model *m, const struct item *item,
			      enum step_state ended, int attempt,
			      struct answer *a);

/* --- signals (model_signal.c) --- */
/* A running step that waits for a signal; due 0: for ever. */
void model_park(struct model *m, struct model_run *r, int step,
		const struct item *item);
/* Its patience has ended. */
void model_expire(struct model *m, struct model_run *r, int step);

/* --- rounds (model_round.c) --- */
/* A running step, or item, is put aside until its next round. */
void model_end_round(struct model_step *s, const struct item *item);

/* --- closing (model_close.c) --- */
/* A run with closing steps comes to a bad end. */
void model_close(struct model *m, struct model_run *r, enum run_state ending);
void model_close_finally(struct model *m, struct model_run *r,
			 enum run_state ending);
/* A step of a run that is being closed has come to its end, however. */
void model_close_step(struct model *m, struct model_run *r, int step);
/* A step ends with its run, which is over or is being closed. */
void model_end_with_run(struct model *m, struct model_run *r, int step);

/* May `step` go on at the worker that has just ended another one? */
bool model_may_inherit(struct model *m, const struct offer *offer, int step);

enum way { WAY_NONE, WAY_RETURNED, WAY_RECOVERED, WAY_DEAD };

enum way model_put_back(struct model *m, struct model_run *r, int step,
			bool is_lost);
bool model_is_known_live(struct model *m, int worker);
void model_order_stop(struct model *m, int worker, struct entry entry);
void model_forget_worker(struct model_worker *w);
void model_adopt_strays(struct model *m);

typedef void model_fn(struct model *m, const struct call *c, struct answer *a);

/* model_step.c */
model_fn model_take, model_complete, model_fail, model_defer, model_release,
	model_note;
/* model_each.c */
model_fn model_expand;
/* model_signal.c, model_cache.c */
model_fn model_signal, model_recall, model_remember;
/* model_time.c */
model_fn model_promote, model_reclaim, model_sweep;
/* model_worker.c */
model_fn model_register, model_heartbeat, model_leave;
/* model_control.c */
model_fn model_define, model_submit, model_cancel, model_retry, model_forget,
	model_drop, model_pause, model_resume;

/* One answer that is a word. */
void answer_word(struct answer *a, const char *word);
void answer_error(struct answer *a, const char *kind);

#endif
