/* SPDX-License-Identifier: MIT */
#include "bar.h"

#include "treadle/clock.h"

#define BAR_DELAY_MS 500
#define BAR_PERIOD_MS 100
#define BAR_COLUMNS 30

void bar_draw(const struct output *o, struct buf *b, double share, int columns,
	      enum style style)
{
	/* Eighths of a block, so that a slow bar still moves. */
	static const char *const parts[] = {"",       "\u258f", "\u258e",
					    "\u258d", "\u258c", "\u258b",
					    "\u258a", "\u2589"};
	char text[8 * 64];
	struct buf bar;

	share = share < 0 ? 0 : share > 1 ? 1 : share;
	int eighths = (int)(share * columns * 8);
	int whole = eighths / 8, used = whole;

	buf_init(&bar, sizeof(text));
	for (int i = 0; i < whole; i++)
		buf_adds(&bar, o->has_unicode ? "\u2588" : "#");
	if (o->has_unicode && eighths % 8) {
		buf_adds(&bar, parts[eighths % 8]);
		used++;
	}
	output_add(o, b, style, buf_slice(&bar));
	buf_reset(&bar);
	for (int i = used; i < columns; i++)
		buf_adds(&bar, o->has_unicode ? "\u2500" : ".");
	output_add(o, b, STYLE_DIM, buf_slice(&bar));
	buf_clear(&bar);
}

void bar_begin(struct bar *bar, const struct output *out, const char *what)
{
	*bar = (struct bar){.out = out, .what = what, .share = -1};
	bar->begun_ms = clock_monotonic_ms();
}

static void add_count(struct buf *b, int64_t count)
{
	if (count >= 1000) {
		add_count(b, count / 1000);
		buf_addf(b, ",%03d", (int)(count % 1000));
	} else {
		buf_addf(b, "%d", (int)count);
	}
}

static void draw(const struct bar *bar, int64_t elapsed_ms)
{
	struct buf b;

	buf_init(&b, 4096);
	buf_adds(&b, "\r\033[K");
	if (bar->share >= 0) {
		bar_draw(bar->out, &b, bar->share, BAR_COLUMNS, STYLE_BUSY);
		buf_addf(&b, " %3d%%  ", (int)(bar->share * 100));
	}
	add_count(&b, bar->count);
	buf_addf(&b, " %s  ", bar->what);
	add_count(&b, bar->count * 1000 / (elapsed_ms ? elapsed_ms : 1));
	buf_adds(&b, "/s");
	output_write(bar->out, buf_slice(&b));
	buf_clear(&b);
}

void bar_update(struct bar *bar, int64_t count, double share)
{
	int64_t now = clock_monotonic_ms();

	bar->count = count;
	bar->share = share;
	if (!bar->out->is_terminal || now - bar->begun_ms < BAR_DELAY_MS ||
	    now - bar->drawn_ms < BAR_PERIOD_MS)
		return;
	bar->drawn_ms = now;
	bar->is_shown = true;
	draw(bar, now - bar->begun_ms);
}

void bar_end(struct bar *bar)
{
	if (bar->is_shown)
		output_write(bar->out, SLICE("\r\033[K"));
	bar->is_shown = false;
}
