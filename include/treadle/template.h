/* SPDX-License-Identifier: MIT */
#ifndef TREADLE_TEMPLATE_H
#define TREADLE_TEMPLATE_H

#include "treadle/base.h"
#include "treadle/value.h"

/*
 * ${ } in values.
 *
 * A template is a value in whose texts ${ } may stand. A text that is one
 * expression yields that expression's value with its type; inside a longer
 * text it yields text. "$${" stands for a plain "${". What is in ${ } is a jq
 * expression over the scope {input, steps, run, env, item, index, response,
 * round, last, output};
 * ${secret:NAME} is not jq: it stays in the result as a mark, which
 * template_reveal() replaces at the last moment, in the worker.
 *
 * Plain paths (.a.b, .a["b c"], .a[0], ".") are looked up here, without jq.
 * Anything else is compiled once for each template and kept. A jq program
 * can't be interrupted, so a process that must not hang evaluates templates
 * that are not plain in a child (worker/evaluator.c). The programs see no
 * environment, no files, no clock and no network.
 */
struct template;

/*
 * Reads source; borrows it. An error names the expression and what is wrong.
 * compile: whether expressions that aren't plain are compiled at once, to
 * find their errors (a compile costs about 20 ms with jq 1.6).
 */
struct template *template_new(jv source, bool compile, struct error *err);
void template_free(struct template *t);

bool template_is_constant(const struct template *t);
bool template_is_plain(const struct template *t); /* needs no jq */

/* Gives *value. Borrows scope. A missing member is null, as in jq. */
int template_expand(struct template *t, jv scope, jv *value, struct error *err);

/*
 * What a template reads: calls on_read(arg, name) for each step named by
 * .steps.NAME, on_read(arg, NULL) if it reads .steps in a way that can't be
 * told beforehand, and sets *reads_input if it may read .input.
 */
void template_reads(const struct template *t,
		    void (*on_read)(void *arg, const char *step), void *arg,
		    bool *reads_input);

/*
 * Whether a plain path begins with what only a step that is repeated has, or
 * only the question whether it is: .round or .last; .output.
 */
bool template_reads_rounds(const struct template *t);
bool template_reads_output(const struct template *t);

/*
 * Replaces the marks of secrets in *value (owns the old, gives the new).
 * find gives the secret, to be freed, or NULL and why. Only marks that
 * template_expand() made are replaced, never what looks like one in data.
 */
typedef char *template_secret_fn(void *arg, const char *name,
				 struct error *err);
int template_reveal(jv *value, template_secret_fn *find, void *arg,
		    struct error *err);
bool template_has_secrets(const struct template *t);

/*
 * Marks hold a random key, so that no data can pretend to be one. A helper
 * that expands for another process is given that one's key before its first
 * template, 32 hexadecimal digits; else a process draws its own.
 */
#define TEMPLATE_KEY_LEN 32
const char *template_key(void);
void template_set_key(const char *key);

#endif
