/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "dbsync/pubsub/publication.h"
#include "dbsync/row.h"

/*
 * A publisher that lies: liar ENDPOINT OWN OTHER TABLE OBJECT. OBJECT is JSON; OWN is a topic that it has, OTHER is one that
 * it has not. Once somebody listens to both it says so, and then tells a lie for each line of its input:
 *
 *   garbage   bytes that are no publication
 *   number    the object, with a number that is not above the last
 *   row       the object, by the topic that it has not
 *   gone      that the object was deleted, by the topic that it has not
 *   object    the object, by its own topic
 *
 * All of it with a revision that no database has reached.
 */

#define FAR_AHEAD 1000000000 /* a revision that the database has not reached */
#define PATIENCE_MS 20000

static void *publisher;
static Df__Publication said = DF__PUBLICATION__INIT;

static void check(bool good, const char *what)
{
    if (good)
        return;
    fprintf(stderr, "liar: %s\n", what);
    exit(1);
}

static void send_frames(const char *topic, const void *data, size_t len)
{
    char frame[300];
    int n = snprintf(frame, sizeof(frame), "%s%s", topic, DF_PUBLICATION_END);
    check(zmq_send(publisher, frame, (size_t)n, ZMQ_SNDMORE) >= 0 && zmq_send(publisher, data, len, 0) >= 0,
          "not sent");
}

static void say(const char *topic, uint64_t number, size_t n_rows)
{
    void *data;
    size_t len;
    said.topic = (char *)(uintptr_t)topic;
    said.sequence = said.total = number;
    said.n_rows = n_rows;
    check(df_publication_write(&said, &data, &len) == 0, "out of memory");
    send_frames(topic, data, len);
    free(data);
}

/* A subscription is a byte 1 and the beginning of frames that are wanted. */
static bool wants(const char *frame, int len, const char *topic)
{
    size_t topic_len = strlen(topic);
    return len == (int)(topic_len + 2) && frame[0] == 1 && memcmp(frame + 1, topic, topic_len) == 0;
}

static void await(const char *own, const char *other)
{
    char frame[300];
    for (bool has_own = false, has_other = false; !has_own || !has_other;) {
        int len = zmq_recv(publisher, frame, sizeof(frame), 0);
        check(len > 0 && len <= (int)sizeof(frame), "nobody listens");
        has_own = has_own || wants(frame, len, own);
        has_other = has_other || wants(frame, len, other);
    }
    puts("listened to");
    fflush(stdout);
}

static void lie(const char *what, const char *own, const char *other)
{
    if (strcmp(what, "garbage\n") == 0) {
        send_frames(own, "\xff\xff\xff\xff", 4);
    } else if (strcmp(what, "number\n") == 0) {
        say(own, 5, 0);
        say(own, 3, 1);
    } else if (strcmp(what, "object\n") == 0) {
        say(own, 1, 1);
    } else {
        bool gone = strcmp(what, "gone\n") == 0;
        check(gone || strcmp(what, "row\n") == 0, "a lie is garbage, number, row, gone or object");
        said.rows[0]->has_data = !gone;
        say(other, 1, 1);
        said.rows[0]->has_data = true;
    }
}

static void read_object(Df__PublishedRow *row, char *table, const char *text)
{
    struct df_error error = {"no JSON"};
    ProtobufCMessage *object = NULL;
    enum df_nb_table number = df_schema_find(table);
    json_t *json = json_loads(text, 0, NULL);
    check(json && number != DF_NB_TABLES && df_schema_from_json(number, json, &object, &error) == 0 &&
              df_row_encode(number, object, (void **)&row->data.data, &row->data.len, &error) == 0,
          error.text);
    row->table = table;
    row->id = strdup(df_schema_id(object));
    row->has_data = true;
    json_decref(json);
    protobuf_c_message_free_unpacked(object, NULL);
}

int main(int argc, char **argv)
{
    static char name[] = "liar";
    Df__PublishedRow row = DF__PUBLISHED_ROW__INIT, *rows[] = {&row};
    char line[32];
    int patience_ms = PATIENCE_MS;
    check(argc == 6, "usage: liar ENDPOINT OWN OTHER TABLE OBJECT");
    read_object(&row, argv[4], argv[5]);
    said.publisher = name;
    said.rows = rows;
    said.revision = FAR_AHEAD;
    said.has_sequence = said.has_total = said.has_revision = true;
    void *context = zmq_ctx_new();
    publisher = zmq_socket(context, ZMQ_XPUB);
    zmq_setsockopt(publisher, ZMQ_RCVTIMEO, &patience_ms, sizeof(patience_ms));
    check(zmq_bind(publisher, argv[1]) == 0, "cannot bind");
    await(argv[2], argv[3]);
    while (fgets(line, sizeof(line), stdin))
        lie(line, argv[2], argv[3]);
    zmq_close(publisher);
    zmq_ctx_term(context);
    free(row.id);
    free(row.data.data);
    return 0;
}
