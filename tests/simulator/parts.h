/* SPDX-License-Identifier: MIT */
#ifndef SIMULATOR_PARTS_H
#define SIMULATOR_PARTS_H

#include "world.h"

/* What the files of a world share. */

/* --- what is expected of Redis next (expect.c) --- */
typedef void on_reply_fn(struct world *w, const struct reply *reply,
			 int number);

void expect(struct world *w, on_reply_fn *on_reply, int number);
/* Hears all that was expected before the mark; frees the replies. */
void expect_all(struct connection *c, int64_t until);
void expect_end(void);
int64_t expect_mark(void);

/* --- parts of a turn --- */
/* Sends a call to whatever fate the turn has; on_answer of its caller. */
void say(struct world *w, const struct call *c, enum fate fate);
void hear(struct world *w, const struct said *s);
/* The caller of a call dies. */
void bereave(struct world *w, const struct call *c);

bool act_worker(struct world *w, const struct action *a);
bool act_other(struct world *w, const struct action *a);
bool act_look(struct world *w, const struct action *a);
bool act_sync(struct world *w);
bool act_cut(struct world *w);
bool act_mend(struct world *w, const struct action *a);
bool act_read(struct world *w, struct worker *of, const struct action *a);
bool act_serve(struct world *w, struct worker *of);
/* An attempt of a step with so many rounds, 0: one that is not repeated. */
void round_end(struct world *w, struct hand *h, int rounds, uint32_t chance);
bool act_reconcile(struct world *w, struct worker *of, const struct action *a);
int hands_in(const struct worker *of, int state);
struct hand *hand_of(struct worker *of, const struct item *item);
bool cache_asks(const struct world *w, const struct hand *h);
bool say_recall(struct world *w, struct worker *of, const struct action *a);
void hear_recalled(struct worker *of, const struct said *s);
/* An attempt for which the cache has given something ends with that. */
void cache_end(struct hand *h);
/* What was committed, for the cache. */
void cache_keep(struct world *w, struct worker *of, const struct item *item);
bool say_remember(struct world *w, struct worker *of, const struct action *a);
void worker_hear(struct world *w, struct worker *of, const struct said *s);
void other_hear(struct world *w, const struct said *s);
void worker_die(struct world *w, struct worker *of);

struct action choose_chaos(struct world *w);
struct action choose_healing(struct world *w);
struct action choose_leaving(struct world *w);
bool world_is_healed(const struct world *w);
bool world_has_left(const struct world *w);

/* --- checking --- */
void check_answer(struct world *w, const struct said *s,
		  const struct reply *reply);
/* What a read-only function answers; number: 0. */
on_reply_fn check_shown;
void check_run(struct world *w, struct model_run *r, const struct reply *hash);
/* The field `state` of a run that waits for so many steps. */
const char *run_text(char text[TEXT_MAX], const struct model_run *r, int left);
/* What a read delivered; returns how many items. */
int check_delivered(struct world *w, const struct reply *reply,
		    struct item *items, int size);
void scan(struct world *w); /* sends; what comes is checked */

#endif
