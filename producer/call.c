/* SPDX-License-Identifier: MIT */
#include "call.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "treadle/clock.h"
#include "dialogue.h"

static const struct verb_option *option_find(const struct verb *v,
					     struct slice name)
{
	for (const struct verb_option *o = v->options; o && o->name; o++) {
		if (slice_is(name, o->name))
			return o;
	}
	return NULL;
}

static int refuse_flag(const struct verb *v, struct slice name,
		       struct error *err)
{
	const char *names[32];
	size_t count = 0;

	for (const struct verb_option *o = v->options; o && o->name; o++) {
		must(count < countof(names));
		names[count++] = o->name;
	}

	char wrong[64];
	snprintf(wrong, sizeof(wrong), "%.*s", (int)name.len, name.data);
	const char *nearest = text_nearest(wrong, names, count);
	if (!nearest)
		nearest = config_nearest_flag(CONFIG_PRODUCER, wrong);
	if (nearest)
		return error_set(err, ERR_USAGE,
				 "treadle %s has no flag %s; did you mean %s?",
				 v->name, wrong, nearest);
	return error_set(err, ERR_USAGE,
			 "treadle %s has no flag %s (see: treadle help %s)",
			 v->name, wrong, v->name);
}

/* Takes one flag off argv; returns how many words it was, or -1. */
static int take_flag(struct call *c, char **argv, struct error *err)
{
	struct slice value = slice_of(argv[0]);
	struct slice name = value;
	bool has_value = false;

	if (name.data[1] != '-') {
		name.len = 2;
		value = slice_of(argv[0] + 2);
		has_value = value.len > 0;
	} else if (memchr(name.data, '=', name.len)) {
		name = slice_cut(&value, '=');
		has_value = true;
	}

	const struct verb_option *o = option_find(c->verb, name);
	if (!o)
		return refuse_flag(c->verb, name, err);
	if (!o->value && has_value)
		return error_set(err, ERR_USAGE, "%s takes no value", o->name);
	if (o->value && !has_value && !argv[1])
		return error_set(err, ERR_USAGE, "%s needs a value: %s %s",
				 o->name, o->name, o->value);

	struct call_flag *flag = &c->flags[c->flags_count++];
	flag->option = o;
	if (o->value)
		flag->value = has_value ? value.data : argv[1];
	return o->value && !has_value ? 2 : 1;
}

static int check_args(const struct call *c, struct error *err)
{
	const struct verb *v = c->verb;

	if (c->args_count < v->args_min)
		return error_set(err, ERR_USAGE,
				 "something is missing: treadle %s %s", v->name,
				 v->args);
	if (v->args_max != ARGS_ANY && c->args_count > v->args_max)
		return error_set(err, ERR_USAGE,
				 "\"%.64s\" is too much: treadle %s%s%s",
				 c->args[v->args_max], v->name,
				 *v->args ? " " : "", v->args);
	return 0;
}

int call_init(struct call *c, const struct verb *verb, char **argv, char **tail,
	      struct error *err)
{
	size_t words = 0, tail_words = 0;

	while (argv[words])
		words++;
	while (tail && tail[tail_words])
		tail_words++;

	c->verb = verb;
	output_init(&c->out, stdout);
	output_init(&c->talk, stderr);
	c->args = arena_calloc(&c->arena, words + tail_words + 1,
			       sizeof(*c->args));
	c->flags = arena_calloc(&c->arena, words + 1, sizeof(*c->flags));

	while (*argv) {
		if (argv[0][0] == '-' && argv[0][1] != '\0') {
			int taken = take_flag(c, argv, err);
			if (taken < 0)
				return -1;
			argv += taken;
		} else {
			c->args[c->args_count++] = *argv++;
		}
	}
	if (verb->takes_command)
		c->command = tail;
	else
		for (size_t i = 0; i < tail_words; i++)
			c->args[c->args_count++] = tail[i];

	c->is_json = call_has(c, "--json");
	c->is_explained = call_has(c, "--explain");
	return check_args(c, err);
}

void call_clear(struct call *c)
{
	dialogue_close(c->dialogue);
	c->dialogue = NULL;
	arena_clear(&c->arena);
}

struct dialogue *call_dialogue(struct call *c, struct error *err)
{
	if (!c->dialogue)
		c->dialogue = dialogue_open(c->config, c->is_explained, err);
	return c->dialogue;
}

static const struct call_flag *flag_find(const struct call *c, const char *name)
{
	for (size_t i = c->flags_count; i > 0; i--) {
		if (strcmp(c->flags[i - 1].option->name, name) == 0)
			return &c->flags[i - 1];
	}
	return NULL;
}

bool call_has(const struct call *c, const char *name)
{
	return flag_find(c, name) != NULL;
}

const char *call_text(const struct call *c, const char *name,
		      const char *otherwise)
{
	const struct call_flag *flag = flag_find(c, name);

	return flag ? flag->value : otherwise;
}

int call_int(const struct call *c, const char *name, int64_t max,
	     int64_t *value, struct error *err)
{
	const char *text = call_text(c, name, NULL);

	if (text && slice_int(slice_of(text), 1, max, value) != 0)
		return error_set(err, ERR_USAGE,
				 "%s %.64s: must be a number from 1 to %lld",
				 name, text, (long long)max);
	return 0;
}

int call_duration(const struct call *c, const char *name, int64_t *ms,
		  struct error *err)
{
	const char *text = call_text(c, name, NULL);

	if (text && (duration_parse(slice_of(text), ms) != 0 || *ms == 0))
		return error_set(err, ERR_USAGE,
				 "%s %.64s: must be a duration, such as 90s, "
				 "1h30m or 7d",
				 name, text);
	return 0;
}

int call_confirm(const struct call *c, const char *question, struct error *err)
{
	char answer[8];

	if (call_has(c, "--yes"))
		return 0;
	if (!isatty(STDIN_FILENO) || !c->talk.is_terminal)
		return error_set(err, ERR_USAGE,
				 "%s: say --yes where there is no terminal to "
				 "ask on",
				 question);
	fprintf(stderr, "%s? [y/N] ", question);
	if (fgets(answer, sizeof(answer), stdin) &&
	    (answer[0] == 'y' || answer[0] == 'Y'))
		return 0;
	return error_set(err, ERR_USAGE, "nothing was done");
}
