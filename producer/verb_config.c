/* SPDX-License-Identifier: MIT */
#include "call.h"
#include "dialogue.h"

static int check(struct call *c, struct error *err)
{
	if (!call_dialogue(c, err))
		return -1;
	output_printf(&c->out, "ok: the configuration is valid and Redis can "
			       "be used\n");
	return 0;
}

static int run(struct call *c, struct error *err)
{
	FILE *out = c->out.file;

	if (c->flags_count > 1)
		return error_set(err, ERR_USAGE,
				 "say one of --defaults, --reference, --check, "
				 "--explain");
	if (call_has(c, "--check"))
		return check(c, err);
	if (call_has(c, "--defaults"))
		config_defaults(out);
	else if (call_has(c, "--reference"))
		config_reference(out);
	else
		config_explain(c->config, CONFIG_PRODUCER, out);
	return 0;
}

static const struct verb_option options[] = {
	{"--explain", NULL,
	 "each option of treadle, its value and where it comes from"},
	{"--defaults", NULL,
	 "an annotated file with all options of all programs"},
	{"--reference", NULL, "the page docs/CONFIG.md"},
	{"--check", NULL, "is it valid, and can Redis be used?"},
	{NULL, NULL, NULL},
};

const struct verb verb_config = {
	.name = "config",
	.args = "",
	.args_max = 0,
	.summary = "show or check the configuration",
	.details =
		"A value given by a flag wins over the environment, that over "
		"the file, that over the default. The file is named by "
		"--config or TREADLE_CONFIG. Passwords are never shown. "
		"Without a flag it does what --explain does.",
	.options = options,
	.examples = "treadle config --defaults > treadle.yaml\n"
		    "treadle config --check --redis-url redis://db.internal",
	.run = run,
};
