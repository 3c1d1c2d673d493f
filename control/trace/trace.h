/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "control/trace/tables.h"

/*
 * A trace: one frame walks the pipeline, and every table that it met is told.
 *
 * Invariant: it is the walk of the workers (fastpath/walk.h) with the act left out. Nothing is changed by it, no
 * counter either, and it cannot disagree with the data plane, except in what is not decided by tables: rate limits,
 * full queues and the flow cache, which only remembers decisions.
 */

/**
 * Walks the frame as if it came in by in_port. Control thread, between two quiescent states.
 *
 * @param names may be NULL
 * @param now_ms df_workers_now_ms(); without connections any
 * @return {"steps": [...], "verdict": {...}, "packet": {...}}, which is the caller's
 *         steps, in order: table, name, upstream, depth (copies of a flood are deeper), lookups ({key, match: entry or
 *         null}), set (registers and headers that the table changed), next (table name) or "end"; connection and rule
 *         (judgement.h)
 *         verdict: kind (drop, output, answer, punt, host, hold), and by kind: reason and help; outputs and rewrite;
 *         answer; app; port
 */
json_t *df_trace_frame(const struct df_names *names, uint16_t in_port, const uint8_t *frame, uint32_t len,
                       uint32_t now_ms);
