/* SPDX-License-Identifier: MIT */
#include "treadle/base.h"

#include "model_parts.h"

/*
 * Steps, and items, that are repeated. A round is put aside like a try that
 * comes too early; what it leaves is for the next one. What its tries have
 * noted, and how many of them were lost, is of no other round.
 */

void model_end_round(struct model_step *s, const struct item *item)
{
	s->left = item->left;
	s->memo = s->progress = 0;
	s->recoveries = 0;
}
