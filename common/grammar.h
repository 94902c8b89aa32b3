/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_GRAMMAR_H
#define TREADLE_GRAMMAR_H

#include "spot.h"
#include "treadle/workflow.h"

/*
 * What users write, and all complaints about it.
 *
 * docs/WORKFLOWS.md teaches the grammar. Gives *document, the normalised
 * form of a workflow: all defaults filled in, durations in milliseconds,
 * `output` a step like others. It is what digests are made of, so a change
 * here is a change of the stored form: raise GRAMMAR_VERSION and keep
 * reading the old one. And *lines: where steps name workflows, by step.
 */
#define GRAMMAR_VERSION 1
#define OUTPUT_STEP "output"

int grammar_read(struct slice yaml, const char *path, jv *document, jv *lines,
		 struct error *err);

/* The kind of a step that is called so, or -1. */
int grammar_kind(const char *text);

/*
 * Checks all expressions in the params of steps (references.c). written is
 * the map of steps as the user wrote it, output what he wants of the run
 * (absent for none); steps is the normalised form of both.
 */
int references_check(struct spot written, struct spot output, jv steps,
		     struct error *err);

#endif
