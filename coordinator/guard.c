/* SPDX-License-Identifier: MIT */
#include "guard.h"

enum guard_verdict guard_check(struct guard *g, int64_t redis_now,
			       int64_t sent_at, int64_t received_at,
			       int64_t *ms)
{
	int64_t low = redis_now - received_at;
	int64_t high = redis_now - sent_at;

	must(low <= high);
	*ms = 0;
	if (g->is_known && low > g->high + g->tolerance_ms)
		*ms = low - g->high;
	else if (g->is_known && high < g->low - g->tolerance_ms)
		*ms = high - g->low;
	/* Loose bounds say little: those of before stay in force. */
	if (!g->is_known || *ms || high - low <= g->tolerance_ms) {
		g->low = low;
		g->high = high;
		g->is_known = true;
	}
	if (*ms)
		return GUARD_JUMP;
	if (high - low <= g->silence_ms)
		return GUARD_CALM;
	*ms = high - low;
	return GUARD_SILENT;
}
