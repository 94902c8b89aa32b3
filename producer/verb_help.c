/* SPDX-License-Identifier: MIT */
#include "call.h"
#include "help.h"

static int run(struct call *c, struct error *err)
{
	const char *what = c->args_count ? c->args[0] : NULL;
	const struct verb *v = what ? verb_find(what) : NULL;

	if (!what)
		help_overview(&c->out);
	else if (v)
		help_verb(&c->out, v);
	else if (!help_topic(&c->out, what)) {
		const char *nearest = verb_nearest(what);
		return error_set(err, ERR_USAGE,
				 "there is no help on %.64s%s%s", what,
				 nearest ? "; did you mean " : "",
				 nearest ? nearest : "");
	}
	return 0;
}

const struct verb verb_help = {
	.name = "help",
	.args = "[VERB|options|steps|failures|codes]",
	.args_max = 1,
	.summary = "explain a verb, or what else there is",
	.details = "What help prints for a verb, treadle VERB --help prints "
		   "too.",
	.examples = "treadle help submit\n"
		    "treadle help steps",
	.run = run,
};
