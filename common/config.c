/* SPDX-License-Identifier: MIT */
#include "treadle/config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "treadle/value.h"

#include "loaded.h"
#include "option.h"

/*
 * Where the values of options come from: default < file < environment < flag.
 *
 * Flags are taken out of argv first, since one of them names the file, and
 * are read last. All values of the file and the environment are read, also
 * those of options that are for other programs: they usually share both.
 */
#define FILE_SIZE_MAX ((size_t)1 << 20)
#define ENV_PREFIX "TREADLE_"

struct flags {
	enum config_reader reader;
	const char *file;
	const char *values[OPTION_COUNT]; /* borrowed from argv, or NULL */
};

/* One value, or what is wrong with it and where it stands. */
static int set(struct loaded *l, size_t i, struct slice text,
	       const char *origin, struct error *err)
{
	if (option_read(&option_table[i], text, &l->config, err) < 0)
		return error_prefix(err, "%s: ", origin);
	free(l->origins[i]);
	l->origins[i] = xstrdup(origin);
	return 0;
}

static void set_defaults(struct loaded *l)
{
	for (size_t i = 0; i < OPTION_COUNT; i++)
		must(option_read(&option_table[i],
				 slice_of(option_table[i].initial), &l->config,
				 NULL) == 0);
}

typedef const char *name_fn(const struct option *o, char text[OPTION_NAME_MAX]);

/* Of the options of `readers`, the name nearest to a wrong one, or NULL. */
static const char *nearest(const char *wrong, name_fn *name, int readers)
{
	static char texts[OPTION_COUNT][OPTION_NAME_MAX];
	const char *names[OPTION_COUNT];
	size_t count = 0;

	for (size_t i = 0; i < OPTION_COUNT; i++) {
		if (option_table[i].readers & readers) {
			names[count] = name(&option_table[i], texts[count]);
			count++;
		}
	}
	return text_nearest(wrong, names, count);
}

static int fail_unknown(struct error *err, const char *wrong, name_fn *name)
{
	const char *right = nearest(wrong, name, ~0);

	return error_set(err, ERR_INPUT, "%.64s: no such option%s%s%s", wrong,
			 right ? " (did you mean " : "", right ? right : "",
			 right ? "?)" : "");
}

/* Flags */

/* The value behind "--name", "--name=value"; NULL if it is another flag. */
static const char *match(const char *arg, const char *name)
{
	size_t len = strlen(name);

	if (strncmp(arg, name, len) != 0)
		return NULL;
	if (arg[len] == '=')
		return arg + len + 1;
	return arg[len] == '\0' ? "" : NULL;
}

/* Where the value of the flag `arg` belongs, or NULL if it is none of ours. */
static const char **find_flag(struct flags *f, const char *arg, bool *is_bool)
{
	char name[OPTION_NAME_MAX];

	*is_bool = false;
	if (match(arg, "--config"))
		return &f->file;
	for (size_t i = 0; i < OPTION_COUNT; i++) {
		if ((option_table[i].readers & f->reader) &&
		    match(arg, option_flag(&option_table[i], name))) {
			*is_bool = option_table[i].type == OPTION_BOOL;
			return &f->values[i];
		}
	}
	return NULL;
}

static int take_flags(struct flags *f, int *argc, char **argv,
		      struct error *err)
{
	int kept = 0, i = 0;

	while (i < *argc && strcmp(argv[i], "--") != 0) {
		char *arg = argv[i++], *equals = strchr(arg, '=');
		bool is_bool;
		const char **value = find_flag(f, arg, &is_bool);

		if (!value)
			argv[kept++] = arg;
		else if (equals)
			*value = equals + 1;
		else if (is_bool)
			*value = "true";
		else if (i < *argc)
			*value = argv[i++];
		else
			return error_set(err, ERR_USAGE, "%s needs a value",
					 arg);
	}
	for (i++; i < *argc; i++)
		argv[kept++] = argv[i];
	*argc = kept;
	return 0;
}

static int apply_flags(struct loaded *l, const struct flags *f,
		       struct error *err)
{
	char name[OPTION_NAME_MAX];

	for (size_t i = 0; i < OPTION_COUNT; i++) {
		if (!f->values[i])
			continue;
		if (set(l, i, slice_of(f->values[i]),
			option_flag(&option_table[i], name), err) < 0) {
			if (err)
				err->kind = ERR_USAGE;
			return -1;
		}
	}
	return 0;
}

/* The environment */

/* The option of that variable, or OPTION_COUNT. */
static size_t find_variable(const char *variable)
{
	char name[OPTION_NAME_MAX];
	size_t i = 0;

	while (i < OPTION_COUNT &&
	       strcmp(variable, option_variable(&option_table[i], name)) != 0)
		i++;
	return i;
}

/*
 * Does it look like an option, so that it must be one? Kubernetes makes
 * TREADLE_REDIS_PORT_6379_TCP and the like of a service treadle-redis: those
 * are nobody's mistake.
 */
static bool is_of_section(const char *variable)
{
	const char *rest = variable + strlen(ENV_PREFIX);

	for (size_t i = 0; i < SECTION_COUNT; i++) {
		size_t len = strlen(option_sections[i].name);

		if (strncasecmp(rest, option_sections[i].name, len) != 0 ||
		    rest[len] != '_')
			continue;
		rest += len;
		return strncmp(rest, "_SERVICE_", 9) != 0 &&
		       strncmp(rest, "_PORT_", 6) != 0 &&
		       strcmp(rest, "_PORT") != 0;
	}
	return false;
}

static int apply_environment(struct loaded *l, struct error *err)
{
	for (char **entry = environ; *entry; entry++) {
		struct slice value = slice_of(*entry);
		struct slice name = slice_cut(&value, '=');
		char variable[OPTION_NAME_MAX];
		size_t i;

		if (!slice_starts(name, ENV_PREFIX) ||
		    name.len >= sizeof(variable))
			continue;
		memcpy(variable, name.data, name.len);
		variable[name.len] = '\0';
		i = find_variable(variable);
		if (i < OPTION_COUNT) {
			if (set(l, i, value, variable, err) < 0)
				return -1;
		} else if (is_of_section(variable)) {
			return fail_unknown(err, variable, option_variable);
		}
	}
	return 0;
}

/* The file */

/* A scalar or a list of scalars, as text. */
static int print_scalar(jv v, struct buf *out, struct error *err)
{
	switch (jv_get_kind(v)) {
	case JV_KIND_STRING:
		return buf_add(out, value_text(v).data, value_text(v).len);
	case JV_KIND_NUMBER:
	case JV_KIND_TRUE:
	case JV_KIND_FALSE:
		return json_print(v, out);
	default:
		return error_set(err, ERR_INPUT, "%s cannot stand here",
				 value_kind(v));
	}
}

static int print_items(jv list, struct buf *out, struct error *err)
{
	int rc = 0;

	jv_array_foreach (list, i, item) {
		if (rc == 0) {
			buf_adds(out, i ? "," : "");
			rc = print_scalar(item, out, err);
		}
		jv_free(item);
	}
	return rc;
}

static int set_from_file(struct loaded *l, size_t i, jv v, const char *origin,
			 struct error *err)
{
	struct buf text;
	int rc;

	buf_init(&text, FILE_SIZE_MAX);
	if (option_table[i].type == OPTION_LIST &&
	    jv_get_kind(v) == JV_KIND_ARRAY)
		rc = print_items(v, &text, err);
	else
		rc = print_scalar(v, &text, err);
	if (rc < 0)
		error_prefix(err, "%s: ", origin);
	else
		rc = set(l, i, buf_slice(&text), origin, err);
	buf_clear(&text);
	return rc;
}

static size_t find_option(const char *section, const char *key)
{
	size_t i = 0;

	while (i < OPTION_COUNT &&
	       (strcmp(option_table[i].section, section) != 0 ||
		strcmp(option_table[i].key, key) != 0))
		i++;
	return i;
}

/* Null is as good as not there: "slots:" with nothing behind it. */
static int apply_member(struct loaded *l, const char *section,
			const struct member *m, const char *origin,
			struct error *err)
{
	size_t i = find_option(section, m->name.data);
	char *path;

	if (i < OPTION_COUNT && jv_get_kind(m->value) == JV_KIND_NULL)
		return 0;
	if (i < OPTION_COUNT)
		return set_from_file(l, i, m->value, origin, err);
	path = xasprintf("%s.%s", section, m->name.data);
	fail_unknown(err, path, option_path);
	free(path);
	return error_prefix(err, "%s: ", origin);
}

static int check_section(const char *section, jv v, struct error *err)
{
	const char *names[SECTION_COUNT], *right;
	bool is_known = false;

	for (size_t i = 0; i < SECTION_COUNT; i++) {
		names[i] = option_sections[i].name;
		is_known |= strcmp(names[i], section) == 0;
	}
	if (!is_known) {
		right = text_nearest(section, names, SECTION_COUNT);
		return error_set(err, ERR_INPUT, "%.64s: no such section%s%s%s",
				 section, right ? " (did you mean " : "",
				 right ? right : "", right ? "?)" : "");
	}
	if (jv_get_kind(v) != JV_KIND_OBJECT && jv_get_kind(v) != JV_KIND_NULL)
		return error_set(err, ERR_INPUT,
				 "%s: expected options, each with its value, "
				 "but this is %s",
				 section, value_kind(v));
	return 0;
}

static int apply_section(struct loaded *l, const struct member *section,
			 const char *file, jv place, struct error *err)
{
	const char *name = section->name.data;
	struct members m;
	int rc = 0;

	if (check_section(name, section->value, err) < 0)
		return error_prefix(err, "%s:%d: ", file, place_line(place));
	if (jv_get_kind(section->value) == JV_KIND_NULL)
		return 0;
	members_init(&m, section->value);
	for (size_t i = 0; i < m.count && rc == 0; i++) {
		jv at = place_get(place, m.items[i].name.data);
		char *origin = xasprintf("%s:%d", file, place_line(at));

		rc = apply_member(l, name, &m.items[i], origin, err);
		free(origin);
		jv_free(at);
	}
	members_clear(&m);
	return rc;
}

static int apply_sections(struct loaded *l, jv sections, const char *file,
			  jv places, struct error *err)
{
	struct members m;
	int rc = 0;

	if (jv_get_kind(sections) == JV_KIND_NULL)
		return 0;
	if (jv_get_kind(sections) != JV_KIND_OBJECT)
		return error_set(err, ERR_INPUT,
				 "%s: expected sections, but this is %s", file,
				 value_kind(sections));
	members_init(&m, sections);
	for (size_t i = 0; i < m.count && rc == 0; i++) {
		jv place = place_get(places, m.items[i].name.data);

		rc = apply_section(l, &m.items[i], file, place, err);
		jv_free(place);
	}
	members_clear(&m);
	return rc;
}

static int read_file(const char *path, struct buf *text, struct error *err)
{
	FILE *f = fopen(path, "re");
	char *room = buf_room(text, FILE_SIZE_MAX);
	bool has_failed;

	if (!f)
		return error_set(err, ERR_INPUT, "cannot read %s: %s", path,
				 strerror(errno));
	text->len += fread(room, 1, FILE_SIZE_MAX, f);
	has_failed = ferror(f);
	fclose(f);
	if (has_failed)
		return error_set(err, ERR_INPUT, "cannot read %s: %s", path,
				 strerror(errno));
	return 0;
}

static int apply_file(struct loaded *l, const char *path, struct error *err)
{
	struct buf text;
	jv sections, places;
	int rc;

	buf_init(&text, FILE_SIZE_MAX);
	rc = read_file(path, &text, err);
	if (rc == 0) {
		rc = yaml_parse(buf_slice(&text), &sections, &places, err);
		if (rc < 0)
			error_prefix(err, "%s: ", path);
	}
	buf_clear(&text);
	if (rc < 0)
		return -1;
	rc = apply_sections(l, sections, path, places, err);
	jv_free(sections);
	jv_free(places);
	return rc;
}

/* --config, else TREADLE_CONFIG, else the usual place if a file is there. */
static int apply_files(struct loaded *l, const struct flags *f,
		       struct error *err)
{
	const char *path = f->file ? f->file : getenv("TREADLE_CONFIG");

	if (path && path[0])
		return apply_file(l, path, err);
	if (access(CONFIG_FILE_DEFAULT, F_OK) == 0)
		return apply_file(l, CONFIG_FILE_DEFAULT, err);
	return 0;
}

/* All together */

int config_load(enum config_reader reader, int *argc, char **argv,
		struct config **config, struct error *err)
{
	struct flags f = {.reader = reader};
	struct loaded *l = xcalloc(1, sizeof(*l));

	set_defaults(l);
	if (take_flags(&f, argc, argv, err) < 0 ||
	    apply_files(l, &f, err) < 0 || apply_environment(l, err) < 0 ||
	    apply_flags(l, &f, err) < 0) {
		config_free(&l->config);
		return -1;
	}
	*config = &l->config;
	return 0;
}

void config_free(struct config *config)
{
	struct loaded *l = (struct loaded *)config;

	if (!l)
		return;
	for (size_t i = 0; i < OPTION_COUNT; i++) {
		option_clear(&option_table[i], config);
		free(l->origins[i]);
	}
	free(l);
}

const char *config_nearest_flag(enum config_reader reader, const char *wrong)
{
	return nearest(wrong, option_flag, (int)reader);
}
