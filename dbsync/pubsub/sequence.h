/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * The numbers of what was heard, by topic of one publisher: so that a message which was lost is noticed.
 *
 * A publisher numbers the messages of each topic from 1, and says hello with the last number to who begins to listen,
 * and some time after the last message. It has an id that changes with each start.
 */

struct df_sequences;

enum df_sequence_verdict {
    DF_SEQUENCE_NEXT,   /* take it */
    DF_SEQUENCE_KNOWN,  /* a hello that says nothing new */
    DF_SEQUENCE_GAP,    /* messages were lost: take a snapshot; from here on it is in order again */
    DF_SEQUENCE_REPEAT, /* a number that was there already, which no honest publisher sends */
};

struct df_sequences *df_sequences_new(void);
void df_sequences_free(struct df_sequences *sequences);

/** Judges a message (a hello if not rows) and notes its number. */
enum df_sequence_verdict df_sequences_hear(struct df_sequences *sequences, const char *publisher, const char *topic,
                                           uint64_t number, bool rows);

/** Was anything heard of the topic since it was forgotten last? */
bool df_sequences_heard(const struct df_sequences *sequences, const char *topic);

/** Nobody listens to the topic any more. */
void df_sequences_forget(struct df_sequences *sequences, const char *topic);
