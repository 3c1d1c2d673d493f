/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "control/model/address.h"
#include "control/trace/words.h"
#include "fastpath/packet/packet.h"

/* A packet in words comes from a client. What becomes a frame is read back by the data plane's parser. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int station(void *arg, const char *name, struct df_words_station *out, struct df_error *error)
{
    (void)arg;
    (void)error;
    if (name && *name == '6')
        return df_ip_parse("2001:db8::6", &out->ip6);
    df_mac_parse("02:00:00:00:00:01", &out->mac);
    return df_ip_parse("10.0.0.1", &out->ip4);
}

static int next_hop(void *arg, const struct df_ip *dst, struct df_mac *mac, struct df_error *error)
{
    (void)arg;
    (void)dst;
    (void)error;
    return df_mac_parse("02:00:00:00:00:fe", mac);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct df_words_names names = {.station = station, .next_hop = next_hop};
    struct df_error error;
    struct df_packet packet;
    char *text = malloc(size + 1);
    size_t room = size % 2 ? 128 : DF_WORDS_FRAME_MAX;
    uint8_t *frame = malloc(room);
    if (!text || !frame)
        abort();
    memcpy(text, data, size);
    text[size] = '\0';
    size_t len = room;
    if (df_words_to_frame(text, size % 3 ? &names : NULL, frame, &len, &error) == 0) {
        if (len > room)
            abort();
        df_packet_parse(frame, (uint32_t)len, &packet);
    }
    free(frame);
    free(text);
    return 0;
}
