/* SPDX-License-Identifier: MIT */
#include "finding.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "../help.h"

#define SHOWN_MAX 5      /* of one kind, to people */
#define SEEN_MAX 100000  /* subjects that are told apart */
#define MENDS_MAX 100000 /* in one go */
#define TEXT_MAX 4096

static const struct {
	const char *id;
	enum severity severity;
	const char *mend, *meaning, *remedy;
} kinds[] = {
#define NOTE SEVERITY_NOTE
#define WARNING SEVERITY_WARNING
#define ERROR SEVERITY_ERROR
#define FINDING(name, id, severity, mend, meaning, remedy)                     \
	{id, severity, mend, meaning, remedy},
#include "findings.def"
#undef FINDING
#undef NOTE
#undef WARNING
#undef ERROR
};

static const struct {
	const char *word, *heading;
	enum style style;
} severities[] = {
	[SEVERITY_NOTE] = {"note", "Notes", STYLE_BUSY},
	[SEVERITY_WARNING] = {"warning", "Warnings", STYLE_LATE},
	[SEVERITY_ERROR] = {"error", "Errors", STYLE_BAD},
};

struct findings {
	struct call *call;
	struct arena arena;
	jv seen;
	int64_t counts[FINDING_COUNT];
	struct slice shown[FINDING_COUNT][SHOWN_MAX];
	struct mend *mends, **mends_end;
	int64_t mends_count, unkept;
};

struct findings *findings_new(struct call *call)
{
	struct findings *f = xcalloc(1, sizeof(*f));

	f->call = call;
	f->seen = jv_object();
	f->mends_end = &f->mends;
	return f;
}

void findings_free(struct findings *f)
{
	jv_free(f->seen);
	arena_clear(&f->arena);
	free(f);
}

/* --- adding -------------------------------------------------------------- */

/* "run 01k... step ship queue:default 17-0", escaped. */
static void add_subject(struct buf *b, const struct subject *s)
{
	const struct {
		const char *word;
		struct slice text;
	} parts[] = {{"run ", s->run},
		     {"step ", s->step},
		     {"", s->key},
		     {"entry ", s->entry}};

	for (size_t i = 0; i < countof(parts); i++) {
		if (!parts[i].text.len)
			continue;
		if (b->len)
			buf_addc(b, ' ');
		buf_adds(b, parts[i].word);
		output_escape(b, parts[i].text);
	}
}

static bool is_known(struct findings *f, enum finding id, struct slice subject)
{
	struct buf b;

	buf_init(&b, TEXT_MAX);
	buf_addf(&b, "%s ", kinds[id].id);
	buf_add(&b, subject.data, subject.len);
	jv key = jv_string_sized(b.data, (int)b.len);
	buf_clear(&b);
	if (jv_object_has(jv_copy(f->seen), jv_copy(key))) {
		jv_free(key);
		return true;
	}
	if (jv_object_length(jv_copy(f->seen)) < SEEN_MAX)
		f->seen = jv_object_set(f->seen, key, jv_true());
	else
		jv_free(key);
	return false;
}

static jv text_value(struct slice text)
{
	return jv_string_sized(text.data, (int)text.len);
}

static void print_json(const struct findings *f, enum finding id,
		       const struct subject *s, struct slice seen)
{
	const struct {
		const char *name;
		struct slice text;
	} members[] = {{"run", s->run},
		       {"step", s->step},
		       {"key", s->key},
		       {"entry", s->entry},
		       {"found", seen},
		       {"meaning", slice_of(kinds[id].meaning)},
		       {"remedy", slice_of(kinds[id].remedy)}};
	jv o = jv_object();

	o = jv_object_set(o, jv_string("id"), jv_string(kinds[id].id));
	o = jv_object_set(o, jv_string("severity"),
			  jv_string(severities[kinds[id].severity].word));
	o = jv_object_set(o, jv_string("mendable"),
			  *kinds[id].mend ? jv_true() : jv_false());
	for (size_t i = 0; i < countof(members); i++) {
		if (members[i].text.len)
			o = jv_object_set(o, jv_string(members[i].name),
					  text_value(members[i].text));
	}
	output_json(&f->call->out, o);
	jv_free(o);
}

static void add_word(struct findings *f, struct mend *m, struct slice word)
{
	must(m->count < MEND_WORDS_MAX);
	m->words[m->count++] = arena_copy(&f->arena, word);
}

/* The words of the mend: its kind, and parts of the subject. */
static void keep_mend(struct findings *f, enum finding id,
		      const struct subject *s)
{
	struct slice rest = slice_of(kinds[id].mend);
	struct mend *m;

	if (!rest.len)
		return;
	if (f->mends_count >= MENDS_MAX) {
		f->unkept++;
		return;
	}
	m = arena_calloc(&f->arena, 1, sizeof(*m));
	m->finding = id;
	while (rest.len) {
		struct slice word = slice_cut(&rest, ' ');
		if (slice_is(word, "RUN"))
			add_word(f, m, s->run);
		else if (slice_is(word, "STEP"))
			add_word(f, m, s->step);
		else if (slice_is(word, "KEY"))
			add_word(f, m, s->key);
		else if (slice_is(word, "ENTRY"))
			add_word(f, m, s->entry);
		else if (slice_is(word, "MORE"))
			for (size_t i = 0; i < countof(s->more); i++)
				add_word(f, m, s->more[i]);
		else
			add_word(f, m, word);
	}
	*f->mends_end = m;
	f->mends_end = &m->next;
	f->mends_count++;
}

void finding_add(struct findings *f, enum finding id, const struct subject *s,
		 const char *fmt, ...)
{
	char seen[1024];
	struct buf text;
	va_list args;

	va_start(args, fmt);
	vsnprintf(seen, sizeof(seen), fmt, args);
	va_end(args);
	buf_init(&text, TEXT_MAX);
	add_subject(&text, s);
	if (is_known(f, id, buf_slice(&text))) {
		buf_clear(&text);
		return;
	}
	if (f->call->is_json)
		print_json(f, id, s, slice_of(seen));
	if (text.len && *seen)
		buf_adds(&text, ": ");
	output_escape(&text, slice_of(seen));
	if (f->counts[id] < SHOWN_MAX)
		f->shown[id][f->counts[id]] =
			arena_copy(&f->arena, buf_slice(&text));
	f->counts[id]++;
	buf_clear(&text);
	keep_mend(f, id, s);
}

/* --- asking -------------------------------------------------------------- */

int64_t findings_count(const struct findings *f, enum severity severity)
{
	int64_t count = 0;

	for (int i = 0; i < FINDING_COUNT; i++)
		count += kinds[i].severity == severity ? f->counts[i] : 0;
	return count;
}

bool findings_has(const struct findings *f, enum finding id)
{
	return f->counts[id] > 0;
}

const struct mend *findings_mends(const struct findings *f)
{
	return f->mends;
}

int64_t findings_unkept(const struct findings *f)
{
	return f->unkept;
}

const char *finding_id(enum finding id)
{
	return kinds[id].id;
}

/* --- for people ---------------------------------------------------------- */

static void print_kind(const struct findings *f, enum finding id)
{
	const struct output *out = &f->call->out;
	int64_t count = f->counts[id];
	struct buf b;

	buf_init(&b, 1 << 20);
	output_addf(out, &b, severities[kinds[id].severity].style, "%s",
		    severities[kinds[id].severity].word);
	buf_addc(&b, ' ');
	output_add(out, &b, STYLE_BOLD, slice_of(kinds[id].id));
	if (count > 1)
		buf_addf(&b, " (%lld)", (long long)count);
	buf_addc(&b, '\n');
	for (int64_t i = 0; i < count && i < SHOWN_MAX; i++) {
		struct slice line = f->shown[id][i];
		if (line.len)
			buf_addf(&b, "  %.*s\n", (int)line.len, line.data);
	}
	if (count > SHOWN_MAX)
		buf_addf(&b, "  ... and %lld more\n",
			 (long long)(count - SHOWN_MAX));
	output_write(out, buf_slice(&b));
	buf_clear(&b);
	help_entry(out, "means", 10, kinds[id].meaning);
	help_entry(out, "do", 10, kinds[id].remedy);
	output_printf(out, "\n");
}

void findings_print(const struct findings *f)
{
	if (f->call->is_json)
		return;
	for (int severity = SEVERITY_ERROR; severity >= 0; severity--) {
		for (int i = 0; i < FINDING_COUNT; i++) {
			if ((int)kinds[i].severity == severity && f->counts[i])
				print_kind(f, i);
		}
	}
}

/* --- the table ----------------------------------------------------------- */

static void explain_one(struct call *call, enum finding id)
{
	const struct output *out = &call->out;
	struct subject nothing = {.run = SLICE("")};
	struct findings f = {.call = call};

	if (call->is_json) {
		print_json(&f, id, &nothing, SLICE(""));
		return;
	}
	help_entry(out, kinds[id].id, 22, severities[kinds[id].severity].word);
	help_entry(out, "", 6, kinds[id].meaning);
	help_entry(out, "", 6, kinds[id].remedy);
}

bool finding_explain(struct call *call, const char *id)
{
	bool is_found = false;

	for (int i = 0; i < FINDING_COUNT; i++) {
		if (id && strcmp(kinds[i].id, id) != 0)
			continue;
		explain_one(call, i);
		is_found = true;
	}
	return is_found;
}

void finding_reference(const struct output *out)
{
	output_printf(
		out,
		"# What the doctor may find\n\n"
		"`treadle doctor` examines what Treadle keeps in Redis, and "
		"the Redis it is kept in. This page is made from its table,\n"
		"`producer/doctor/findings.def`, by `treadle doctor explain "
		"--reference`.\n");
	for (int severity = SEVERITY_ERROR; severity >= 0; severity--) {
		output_printf(out,
			      "\n## %s\n\n| finding | means | do | mended by "
			      "`--repair` |\n|---|---|---|---|\n",
			      severities[severity].heading);
		for (int i = 0; i < FINDING_COUNT; i++) {
			if ((int)kinds[i].severity == severity)
				output_printf(out, "| `%s` | %s | %s | %s |\n",
					      kinds[i].id, kinds[i].meaning,
					      kinds[i].remedy,
					      *kinds[i].mend ? "yes" : "");
		}
	}
}
