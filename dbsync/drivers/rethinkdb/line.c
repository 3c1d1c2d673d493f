/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/drivers/rethinkdb/line.h"

#include <endian.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "dbsync/drivers/rethinkdb/scram.h"
#include "dbsync/drivers/rethinkdb/wire.h"

#define MAGIC_V1_0 0x34c2bdc3u /* ql2.proto, VersionDummy.Version */
#define PAUSE_MIN_MS 100
#define PAUSE_MAX_MS 5000
#define DEFAULT_USER "admin"

enum { START = 1, CONTINUE = 2 }; /* Query.QueryType */

struct df_rethinkdb_line {
    const struct df_rethinkdb_location *location;
    const struct df_db_config *config;
    SSL_CTX *tls;         /* NULL: none */
    struct df_wire *wire; /* NULL: not connected */
    unsigned timeout_ms, host, serial;
    uint64_t token;
    uint64_t next_ms; /* not before that an attempt */
    unsigned pause_ms;
    int last_rc;
    struct df_error last;
};

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

struct df_rethinkdb_line *df_rethinkdb_line_new(const struct df_rethinkdb_location *location,
                                                const struct df_db_config *config, SSL_CTX *tls)
{
    struct df_rethinkdb_line *line = calloc(1, sizeof *line);
    if (line) {
        line->location = location;
        line->config = config;
        line->tls = tls;
        line->timeout_ms = config->timeout_ms ? config->timeout_ms : DF_DB_TIMEOUT_MS;
    }
    return line;
}

static void hang_up(struct df_rethinkdb_line *line)
{
    df_wire_free(line->wire);
    line->wire = NULL;
}

void df_rethinkdb_line_free(struct df_rethinkdb_line *line)
{
    if (line)
        hang_up(line);
    free(line);
}

unsigned df_rethinkdb_line_serial(const struct df_rethinkdb_line *line)
{
    return line->serial;
}

static int malformed(const struct df_rethinkdb_line *line, struct df_error *error)
{
    return df_error_set(error, -EPROTO, "rethinkdb:%s: the server answered what is not RethinkDB's protocol",
                        line->config->location);
}

/* One message of the handshake each way; a message ends with a zero. */
static int greet(struct df_rethinkdb_line *line, const char *text, json_t **greeting, uint64_t end,
                 struct df_error *error)
{
    char answer[4 * DF_SCRAM_TEXT_MAX];
    size_t len = 0;
    const char *why;
    int rc = text ? df_wire_send(line->wire, text, strlen(text) + 1, end, error) : 0;
    do {
        if (rc == 0 && len == sizeof answer)
            rc = malformed(line, error);
        if (rc == 0)
            rc = df_wire_receive(line->wire, answer + len, 1, end, error);
    } while (rc == 0 && answer[len++] != '\0');
    if (rc)
        return rc;
    rc = df_rethinkdb_greeting_take(greeting, answer, len - 1, &why);
    if (rc == -EBADMSG)
        rc = malformed(line, error);
    else if (rc)
        df_error_set(error, rc, "rethinkdb:%s: %s: check user and password", line->config->location, why);
    if (rc) {
        json_decref(*greeting);
        *greeting = NULL;
    }
    return rc;
}

/* Sends what authenticates as JSON, and gives what the server answers to it. */
static int exchange(struct df_rethinkdb_line *line, const char *text, bool first, char to[DF_SCRAM_TEXT_MAX],
                    uint64_t end, struct df_error *error)
{
    json_t *message = first ? json_pack("{s:i, s:s, s:s}", "protocol_version", 0, "authentication_method",
                                        "SCRAM-SHA-256", "authentication", text)
                            : json_pack("{s:s}", "authentication", text);
    char *json = json_dumps(message, JSON_COMPACT);
    json_t *greeting = NULL;
    int rc = json ? greet(line, json, &greeting, end, error) : df_error_set(error, -ENOMEM, "out of memory");
    const char *answer = json_string_value(json_object_get(greeting, "authentication"));
    if (rc == 0 && (!answer || strlen(answer) >= DF_SCRAM_TEXT_MAX))
        rc = malformed(line, error);
    if (rc == 0)
        snprintf(to, DF_SCRAM_TEXT_MAX, "%s", answer);
    free(json);
    json_decref(message);
    json_decref(greeting);
    return rc;
}

static int authenticate(struct df_rethinkdb_line *line, uint64_t end, struct df_error *error)
{
    struct df_scram scram;
    char text[DF_SCRAM_TEXT_MAX], answer[DF_SCRAM_TEXT_MAX];
    const struct df_db_config *config = line->config;
    int rc = df_scram_first(&scram, config->user ? config->user : DEFAULT_USER, text);
    if (rc)
        return df_error_set(error, rc, "rethinkdb:%s: the user's name is too long", config->location);
    rc = exchange(line, text, true, answer, end, error);
    if (rc == 0 && df_scram_final(&scram, config->password ? config->password : "", answer, text))
        rc = malformed(line, error);
    if (rc == 0)
        rc = exchange(line, text, false, answer, end, error);
    if (rc == 0 && df_scram_verify(&scram, answer))
        rc = df_error_set(error, -EACCES, "rethinkdb:%s: the server does not know the password: it is another one",
                          config->location);
    return rc;
}

static int connect_host(struct df_rethinkdb_line *line, unsigned host, struct df_error *error)
{
    uint64_t end =
        now_ms() + line->timeout_ms / line->location->n; /* so that a round takes no longer than one call may */
    uint32_t magic = htole32(MAGIC_V1_0);
    json_t *greeting = NULL;
    int rc = df_wire_open(line->location->hosts[host], line->location->ports[host], line->tls, end, &line->wire, error);
    if (rc == 0)
        rc = df_wire_send(line->wire, &magic, sizeof magic, end, error);
    if (rc == 0)
        rc = greet(line, NULL, &greeting, end, error);
    json_decref(greeting);
    if (rc == 0)
        rc = authenticate(line, end, error);
    if (rc)
        hang_up(line);
    return rc;
}

/* Notes what failed for the calls until the next attempt, which is in the pause's half to whole. */
static int failed(struct df_rethinkdb_line *line, int rc, const struct df_error *why, struct df_error *error)
{
    unsigned random = 0, pause = line->pause_ms ? line->pause_ms : PAUSE_MIN_MS;
    if (getrandom(&random, sizeof random, GRND_NONBLOCK) < 0)
        random = (unsigned)now_ms();
    line->next_ms = now_ms() + pause / 2 + random % (pause / 2 + 1);
    line->pause_ms = pause * 2 < PAUSE_MAX_MS ? pause * 2 : PAUSE_MAX_MS;
    line->last_rc = rc;
    line->last = *why;
    return df_error_set(error, rc, "%s", why->text);
}

static int need_connection(struct df_rethinkdb_line *line, struct df_error *error)
{
    struct df_error why = {""};
    int rc = -ECONNREFUSED;
    if (line->wire)
        return 0;
    if (now_ms() < line->next_ms)
        return df_error_set(error, line->last_rc, "%s", line->last.text);
    for (unsigned i = 0; i < line->location->n && rc && rc != -EACCES; i++) {
        rc = connect_host(line, line->host, &why);
        if (rc)
            line->host = (line->host + 1) % line->location->n;
    }
    if (rc)
        return failed(line, rc, &why, error);
    line->pause_ms = 0;
    line->serial++;
    return 0;
}

static int send_query(struct df_rethinkdb_line *line, json_t *query, uint64_t end, struct df_error *error)
{
    char *text = query ? json_dumps(query, JSON_COMPACT) : NULL;
    size_t len = text ? strlen(text) : 0;
    struct {
        uint64_t token;
        uint32_t len;
    } __attribute__((packed)) head = {htole64(line->token), htole32((uint32_t)len)};
    int rc = text ? 0 : df_error_set(error, -ENOMEM, "out of memory");
    if (rc == 0)
        rc = df_wire_send(line->wire, &head, sizeof head, end, error);
    if (rc == 0)
        rc = df_wire_send(line->wire, text, len, end, error);
    free(text);
    json_decref(query);
    return rc;
}

/* What was answered to a question that nobody waits for any more is passed over. */
static int receive(struct df_rethinkdb_line *line, struct df_rethinkdb_answer *answer, uint64_t end,
                   struct df_error *error)
{
    struct {
        uint64_t token;
        uint32_t len;
    } __attribute__((packed)) head;
    do {
        int rc = df_wire_receive(line->wire, &head, sizeof head, end, error);
        size_t len = rc ? 0 : le32toh(head.len);
        if (rc)
            return rc;
        char *text = len <= DF_RETHINKDB_MESSAGE_MAX ? malloc(len + 1) : NULL;
        rc = text ? df_wire_receive(line->wire, text, len, end, error) : malformed(line, error);
        if (rc == 0 && df_rethinkdb_answer_take(answer, text, len))
            rc = malformed(line, error);
        free(text);
        if (rc)
            return rc;
        if (le64toh(head.token) != line->token)
            json_decref(answer->json);
    } while (le64toh(head.token) != line->token);
    return 0;
}

/* An answer that is an error. */
static int explain(struct df_rethinkdb_line *line, struct df_rethinkdb_answer *answer, struct df_error *error)
{
    int rc = -EPROTO;
    if (answer->type < DF_RETHINKDB_CLIENT_ERROR)
        return 0;
    if (answer->error == DF_RETHINKDB_PERMISSION)
        rc = -EACCES;
    else if (answer->error == DF_RETHINKDB_OP_INDETERMINATE)
        rc = -EINPROGRESS;
    else if (answer->error == DF_RETHINKDB_OP_FAILED)
        rc = -EIO; /* also what does not exist, which the caller may expect */
    df_error_set(error, rc, "rethinkdb:%s: %s", line->config->location, df_rethinkdb_answer_text(answer));
    json_decref(answer->json);
    *answer = (struct df_rethinkdb_answer){0};
    return rc;
}

static int lost(struct df_rethinkdb_line *line, int rc)
{
    if (rc)
        hang_up(line);
    return rc == -EPROTO || rc == 0 || rc == -ENOMEM ? rc : -EINPROGRESS;
}

int df_rethinkdb_line_ask(struct df_rethinkdb_line *line, json_t *term, struct df_rethinkdb_answer *answer,
                          struct df_error *error)
{
    int rc = need_connection(line, error);
    if (rc) {
        json_decref(term);
        return rc;
    }
    uint64_t end = now_ms() + line->timeout_ms;
    line->token++;
    rc = send_query(line, term ? json_pack("[i, o, {}]", START, term) : NULL, end, error);
    if (rc == 0)
        rc = receive(line, answer, end, error);
    rc = lost(line, rc);
    return rc ? rc : explain(line, answer, error);
}

int df_rethinkdb_line_expect(struct df_rethinkdb_line *line, struct df_error *error)
{
    return lost(line, send_query(line, json_pack("[i]", CONTINUE), now_ms() + line->timeout_ms, error));
}

int df_rethinkdb_line_continue(struct df_rethinkdb_line *line, struct df_rethinkdb_answer *answer,
                               struct df_error *error)
{
    int rc = df_rethinkdb_line_expect(line, error);
    if (rc == 0)
        rc = lost(line, receive(line, answer, now_ms() + line->timeout_ms, error));
    return rc ? rc : explain(line, answer, error);
}

int df_rethinkdb_line_wait(struct df_rethinkdb_line *line, int wake, unsigned ms, struct df_rethinkdb_answer *answer,
                           struct df_error *error)
{
    struct pollfd fds[] = {{.fd = wake, .events = POLLIN}, {.fd = df_wire_fd(line->wire), .events = POLLIN}};
    if (!df_wire_has(line->wire) && (poll(fds, 2, (int)ms) <= 0 || fds[0].revents))
        return 0;
    int rc = lost(line, receive(line, answer, now_ms() + line->timeout_ms, error));
    if (rc == 0)
        rc = explain(line, answer, error);
    return rc ? rc : 1;
}
