/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/fragment/fragment.h"

#include <netinet/in.h>
#include <stdlib.h>

/*
 * Bytes are fragments that come in one after the other, six bytes each: a few datagrams and ports, offsets close
 * together, time that passes. A naive model, which compares each fragment with every other one of its datagram, says
 * what has to become of it, and by counting, who gives way where there is no room; what waits comes back once and in
 * order, and the limits hold.
 */

#define DATAGRAMS 4
#define PORTS 2
#define UNITS 64
#define STEP 6
#define STEPS_MAX 400
#define PIECES_MAX 128
#define TIMEOUT_MS 1000
#define DATAGRAMS_MAX 4
#define HELD_MAX 10

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

/* A datagram as it should be known. */
struct life {
    bool known, ended, has_first;
    bool holding;   /* packets of it wait */
    uint32_t lined; /* the step in which it came to hold packets, or not to */
    uint32_t born_ms;
    uint32_t total; /* 0: not known */
    unsigned n;
    struct {
        uint32_t start, end;
    } piece[PIECES_MAX];
};

struct world {
    const uint8_t *data;
    struct df_fragments *fragments;
    struct life life[PORTS][DATAGRAMS];
    bool waits[STEPS_MAX + 1];
    unsigned n_waiting, n_waiting_of[PORTS];
    uint32_t step;
    uint32_t now_ms;
};

/* One fragment that comes in. */
struct arrival {
    size_t number;
    uint16_t port;
    struct df_packet packet;
    struct df_fragment_key key;
    struct life *life;
};

static const struct df_fragments_config config = {
    .datagrams_max = DATAGRAMS_MAX, .held_max = HELD_MAX, .timeout_ms = TIMEOUT_MS};

static struct df_packet packet_of(const uint8_t *step)
{
    struct df_packet packet = {.bits = DF_PACKET_IP4 | DF_PACKET_FRAGMENT,
                               .ip_proto = IPPROTO_UDP,
                               .fragment_id = step[1] % DATAGRAMS,
                               .fragment_offset = (uint16_t)(step[2] % UNITS * 8),
                               .fragment_len = (uint16_t)(step[3] % 8 * 8)};
    if (step[0] & 1)
        packet.bits |= DF_PACKET_MORE_FRAGMENTS;
    if (packet.fragment_offset != 0) {
        packet.bits |= DF_PACKET_LATER_FRAGMENT;
    } else {
        packet.bits |= DF_PACKET_L4 | DF_PACKET_MORE_FRAGMENTS;
        packet.l4_src = (uint16_t)(1000 + packet.fragment_id);
    }
    return packet;
}

static struct arrival arrival_of(struct world *world, size_t number)
{
    const uint8_t *step = world->data + (number - 1) * STEP;
    struct arrival a = {.number = number, .port = (uint16_t)(1 + step[4] % PORTS), .packet = packet_of(step)};
    df_fragment_key(&a.packet, a.port, 0, 0, &a.key);
    a.life = &world->life[a.port - 1][a.packet.fragment_id];
    return a;
}

/* ---- the model */

static bool ends_elsewhere(const struct life *life, uint32_t end, bool more)
{
    bool behind = false;
    for (unsigned i = 0; i < life->n; i++)
        behind = behind || life->piece[i].end > end;
    if (more)
        return life->total != 0 && end >= life->total;
    return behind || (life->total != 0 && end != life->total);
}

static enum df_drop model_note(struct life *life, const struct df_packet *packet)
{
    uint32_t start = packet->fragment_offset, end = start + packet->fragment_len;
    bool more = packet->bits & DF_PACKET_MORE_FRAGMENTS;
    bool same = false, clash = false;
    for (unsigned i = 0; i < life->n; i++) {
        same = same || (life->piece[i].start == start && life->piece[i].end == end);
        clash = clash || (life->piece[i].start < end && life->piece[i].end > start);
    }
    life->ended = ends_elsewhere(life, end, more) || (clash && !same);
    if (life->ended || same)
        return DF_DROP_FRAG_OVERLAP;
    if (!more)
        life->total = end;
    if (end > start) {
        life->piece[life->n].start = start;
        life->piece[life->n++].end = end;
    }
    return DF_DROP_NONE;
}

static void model_hold(const struct world *world, struct life *life, bool holding)
{
    if (life->holding == holding)
        return;
    life->holding = holding;
    life->lined = world->step;
}

static enum df_drop model_see(const struct world *world, struct life *life, const struct df_packet *packet)
{
    if (!life->known)
        return DF_DROP_NONE;
    enum df_drop drop = life->ended ? DF_DROP_FRAG_OVERLAP : model_note(life, packet);
    if (life->ended)
        model_hold(world, life, false);
    return drop;
}

/* Of those that hold packets, or do not, the one that came to do so first; NULL: there is none. */
static struct life *model_oldest(struct life of_port[DATAGRAMS], bool holding)
{
    struct life *oldest = NULL;
    for (unsigned i = 0; i < DATAGRAMS; i++) {
        struct life *life = &of_port[i];
        if (life->known && life->holding == holding && (oldest == NULL || life->lined < oldest->lined))
            oldest = life;
    }
    return oldest;
}

/* Who gives way to one more of this one: itself, unless the other one has more. */
static unsigned model_greediest(const unsigned n[PORTS], unsigned port)
{
    return n[!port] > n[port] ? !port : port;
}

static void model_make_room_for_packet(struct world *world, unsigned port)
{
    if (world->n_waiting == HELD_MAX)
        model_oldest(world->life[model_greediest(world->n_waiting_of, port)], true)->known = false;
}

static void model_make_room_for_datagram(struct world *world, unsigned port)
{
    unsigned n[PORTS] = {0};
    for (unsigned i = 0; i < PORTS * DATAGRAMS; i++)
        n[i / DATAGRAMS] += world->life[i / DATAGRAMS][i % DATAGRAMS].known;
    if (n[0] + n[1] < DATAGRAMS_MAX)
        return;
    struct life *of_port = world->life[model_greediest(n, port)];
    struct life *one = model_oldest(of_port, true), *other = model_oldest(of_port, false);
    if (one == NULL || (other != NULL && world->now_ms - other->born_ms > world->now_ms - one->born_ms))
        one = other;
    one->known = false;
}

static void model_know(struct world *world, const struct arrival *a)
{
    if (a->life->known)
        return;
    model_make_room_for_datagram(world, a->port - 1u);
    *a->life = (struct life){.known = true, .born_ms = world->now_ms, .lined = world->step};
    model_note(a->life, &a->packet);
}

/* What is complete, or too old, is not known any more. */
static void model_forget(struct world *world)
{
    for (unsigned i = 0; i < PORTS * DATAGRAMS; i++) {
        struct life *life = &world->life[i / DATAGRAMS][i % DATAGRAMS];
        uint32_t bytes = 0;
        for (unsigned n = 0; n < life->n; n++)
            bytes += life->piece[n].end - life->piece[n].start;
        bool complete = life->total != 0 && bytes == life->total && life->has_first && !life->ended;
        if (complete || world->now_ms - life->born_ms >= TIMEOUT_MS)
            life->known = false;
    }
}

/* ---- what comes back */

static void gone(struct world *world, const struct arrival *a)
{
    check(world->waits[a->number]);
    world->waits[a->number] = false;
    world->n_waiting--;
    world->n_waiting_of[a->port - 1]--;
}

static void refused(void *packet, uint16_t port, enum df_drop reason, void *arg)
{
    struct world *world = arg;
    struct arrival a = arrival_of(world, (size_t)packet);
    check(port == a.port);
    switch (reason) {
    case DF_DROP_FRAG_LIMIT:
        check(!a.life->known);
        break;
    case DF_DROP_FRAG_OVERLAP:
        check(a.life->known && a.life->ended);
        break;
    default:
        check(reason == DF_DROP_FRAG_TIMEOUT);
    }
    gone(world, &a);
}

static void release_all(struct world *world)
{
    size_t number, last = 0;
    while ((number = (size_t)df_fragments_release(world->fragments)) != 0) {
        struct arrival a = arrival_of(world, number);
        check(number > last);
        last = number;
        gone(world, &a);
        check(df_fragments_recall(world->fragments, &a.key, &a.packet) == DF_DROP_NONE);
        check(a.life->has_first && a.packet.l4_src == 1000 + a.packet.fragment_id);
    }
}

/* ---- a packet's way */

static void hold(struct world *world, struct arrival *a)
{
    bool was_known = a->life->known;
    check(!was_known || !a->life->has_first);
    model_make_room_for_packet(world, a->port - 1u);
    bool gave_way_itself = was_known && !a->life->known;
    if (!gave_way_itself)
        model_know(world, a);
    enum df_drop drop = df_fragments_hold(world->fragments, &a->key, &a->packet, (void *)a->number, world->now_ms);
    check(drop == (gave_way_itself ? DF_DROP_FRAG_LIMIT : DF_DROP_NONE));
    if (gave_way_itself)
        return;
    model_hold(world, a->life, true);
    world->waits[a->number] = true;
    world->n_waiting_of[a->port - 1]++;
    check(++world->n_waiting <= HELD_MAX);
}

static void come(struct world *world, size_t number)
{
    struct arrival a = arrival_of(world, number);
    bool first = !(a.packet.bits & DF_PACKET_LATER_FRAGMENT);
    enum df_drop wanted = model_see(world, a.life, &a.packet);
    check(df_fragments_see(world->fragments, &a.key, &a.packet, world->now_ms) == wanted);
    if (wanted != DF_DROP_NONE)
        return;
    if (df_packet_needs_first(&a.packet)) {
        hold(world, &a);
        return;
    }
    check(a.packet.l4_src == 1000 + a.packet.fragment_id);
    check(first || (a.life->known && a.life->has_first));
    if (first) {
        model_know(world, &a);
        a.life->has_first = true;
        model_hold(world, a.life, false);
        df_fragments_first(world->fragments, &a.key, &a.packet, world->now_ms);
    }
    release_all(world);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct world world = {.data = data, .now_ms = UINT32_MAX - 100};
    world.fragments = df_fragments_new(&config, refused, &world);
    check(world.fragments != NULL);
    for (size_t number = 1; number <= size / STEP && number <= STEPS_MAX; number++) {
        world.now_ms += data[(number - 1) * STEP + 5] & 0x80 ? TIMEOUT_MS / 2 : 1;
        world.step = (uint32_t)number;
        df_fragments_expire(world.fragments, world.now_ms);
        model_forget(&world);
        come(&world, number);
    }
    df_fragments_free(world.fragments);
    check(world.n_waiting == 0);
    return 0;
}
