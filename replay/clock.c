/* SPDX-License-Identifier: BSD-2-Clause */
#include "replay/clock.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

static_assert(
    REPLAY_SILENCE > 2 * SPINAT_TIMEOUT_MAX, "nothing outlives a long silence");

void replay_clock_pass(struct replay_clock *clock, int64_t from, int64_t to)
{
	if (to - from <= REPLAY_SILENCE)
		return;
	clock->end_at = replay_clock_engine(clock, from) + REPLAY_SILENCE;
	clock->before = clock->origin;
	clock->origin += to - from - REPLAY_SILENCE;
}

spinat_time replay_clock_engine(const struct replay_clock *clock, int64_t stamp)
{
	return stamp - clock->origin + REPLAY_START;
}

int64_t replay_clock_capture(const struct replay_clock *clock, spinat_time time)
{
	int64_t stamp = time - REPLAY_START +
	    (time < clock->end_at ? clock->before : clock->origin);

	return stamp < 0 ? 0 : stamp;
}

void replay_clock_format(char text[REPLAY_STAMP_TEXT], int64_t stamp)
{
	snprintf(text, REPLAY_STAMP_TEXT, "%" PRId64 ".%09" PRId64,
	    stamp / SPINAT_SECOND, stamp % SPINAT_SECOND);
}
