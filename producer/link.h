/* SPDX-License-Identifier: MIT */
#ifndef PRODUCER_LINK_H
#define PRODUCER_LINK_H

#include "treadle/workflow.h"
#include "call.h"

/*
 * Linking: each name of a workflow that a step performs becomes the definition
 * that the name stands for now, and so for those that they perform in turn.
 * What is not applied, performs itself by way of others, or goes too deep is
 * refused, with file and line where it is written in a file.
 *
 * Gives *linked, w's linked form with its parts; or NULL where w performs none:
 * then nobody is asked. given: workflows that go before applied ones of the
 * same name, borrowed.
 */
int link_workflow(struct call *c, const struct workflow *w,
		  struct workflow *const *given, size_t given_count,
		  struct workflow **linked, struct error *err);

#endif
