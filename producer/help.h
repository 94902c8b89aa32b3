/* SPDX-License-Identifier: MIT */
#ifndef PRODUCER_HELP_H
#define PRODUCER_HELP_H

#include "output.h"
#include "verb.h"

/*
 * Help, made from the verbs and the tables. docs/generate makes the man page
 * from what is printed here: a head, "usage:", paragraphs, "options:" and
 * "examples:".
 */
void help_overview(const struct output *o);
void help_verb(const struct output *o, const struct verb *v);

/* "  name   what it means", the meaning wrapped, from column `at` on. */
void help_entry(const struct output *o, const char *name, size_t at,
		const char *help);

/* A topic: options, steps, failures, codes. False if there is none such. */
bool help_topic(const struct output *o, const char *name);

#endif
