/* SPDX-License-Identifier: MIT */
#ifndef PRODUCER_CALL_H
#define PRODUCER_CALL_H

#include "treadle/arena.h"
#include "treadle/config.h"
#include "output.h"
#include "verb.h"

/*
 * One call of a verb: its flags, its operands, where it writes.
 *
 * Flags may stand anywhere behind the verb, "--flag VALUE" or
 * "--flag=VALUE", "-i VALUE" or "-iVALUE". What follows "--" is operands, or
 * a command for a verb that takes one.
 */
struct dialogue;

struct call {
	const struct verb *verb;
	const struct config *config;
	struct arena arena; /* lives as long as the call */
	struct output out;  /* standard output */
	struct output talk; /* standard error */
	bool is_json, is_explained;

	char **args; /* operands */
	int args_count;
	char **command; /* behind "--", ends in NULL; or NULL */
	struct call_flag *flags;
	size_t flags_count;

	struct dialogue *dialogue; /* call_dialogue() opens it */
};

struct call_flag {
	const struct verb_option *option;
	const char *value; /* NULL for a switch */
};

/* Beyond exit codes: the call was explained, not made; main() exits 0. */
#define CALL_EXPLAINED 256

/*
 * argv: what is left behind the verb once config_load() took its options out;
 * borrowed, as is tail (what follows "--", or NULL).
 */
int call_init(struct call *c, const struct verb *verb, char **argv, char **tail,
	      struct error *err);
void call_clear(struct call *c); /* closes the dialogue */

/* The dialogue of this call, opened when first asked for, or NULL and err. */
struct dialogue *call_dialogue(struct call *c, struct error *err);

/* Was it given? name is one of the verb's options. */
bool call_has(const struct call *c, const char *name);
/* Its value, the last one given, or `otherwise`. */
const char *call_text(const struct call *c, const char *name,
		      const char *otherwise);
/* *value keeps what it has where the flag was not given. */
int call_int(const struct call *c, const char *name, int64_t max,
	     int64_t *value, struct error *err);
int call_duration(const struct call *c, const char *name, int64_t *ms,
		  struct error *err);

/* Asks on the terminal; without one, --yes must have been given. */
int call_confirm(const struct call *c, const char *question, struct error *err);

#endif
