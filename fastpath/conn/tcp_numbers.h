/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "fastpath/conn/internal.h"

/*
 * Sequence numbers of a TCP connection: what is noted of them, and what that says of a segment. For tcp.c only.
 *
 * Invariants:
 * - What is noted comes from segments that their receiver takes, as far as that can be told from between the two; what
 *   anybody may have sent who knows the tuple moves nothing.
 * - Notes are behind. Of what the flow cache serves acknowledgements are noted to within DF_CONN_ACK_NOTE, and what
 *   was sent is not. So whatever is asked has that much room, and the windows are the largest that were offered: one
 *   that opens again without an acknowledgement may not be noted.
 *
 * `reply` is the direction of the segment. Any thread that may judge; who notes is a worker.
 */

/** Does it acknowledge the SYN of who gets it, with all of its data or less (RFC 9293 section 3.10.7.3, RFC 7413)? */
bool df_tcp_acknowledges_syn(const struct df_conn *conn, bool reply, const struct df_packet *packet);

/** Does it, from the original end, acknowledge the SYN+ACK, and so prove that its sender got that? */
bool df_tcp_completes_handshake(const struct df_conn *conn, const struct df_packet *packet);

/** Is a SYN+ACK of the other end the answer to the same SYN as the one before? */
bool df_tcp_repeats_answer(const struct df_conn *conn, const struct df_packet *packet);

/** Does it answer a SYN that the original end sent when there was a connection (df_tcp_note_later_syn())? */
bool df_tcp_answers_later_syn(const struct df_conn *conn, bool reply, const struct df_packet *packet);

/** Does it lie in the window of who gets it? True also where nothing was noted yet. */
bool df_tcp_is_in_window(const struct df_conn *conn, bool reply, const struct df_packet *packet);

/** Does it begin with what who gets it was noted to expect next? */
bool df_tcp_is_expected(const struct df_conn *conn, bool reply, const struct df_packet *packet);

/** Does it end behind where its side was noted to end? */
bool df_tcp_is_past_end(const struct df_conn *conn, bool reply, const struct df_packet *packet);

/** Notes a SYN of a handshake. */
void df_tcp_note_syn(struct df_conn *conn, bool reply, const struct df_packet *packet);

/** Notes a SYN of the original end to what is there. */
void df_tcp_note_later_syn(struct df_conn *conn, const struct df_packet *packet);

/** Notes a SYN+ACK of a handshake; again: of one that was noted before, to which there may have been data since. */
void df_tcp_note_syn_ack(struct df_conn *conn, bool reply, const struct df_packet *packet, bool again);

/** Notes what a segment acknowledges and where it ends; end_stays: not that. */
void df_tcp_note_segment(struct df_conn *conn, bool reply, const struct df_packet *packet, bool end_stays);
