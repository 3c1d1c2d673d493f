/* SPDX-License-Identifier: Apache-2.0 */
#include "control/nodes/self.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <uthash.h>

#include "control/model/alloc.h"
#include "control/nodes/liveness.h"
#include "dbsync/field.h"

#define PAUSE_MS 100 /* between two looks at the ports, so that a burst of changes is one row each */

/* What was posted of a port. */
struct posted {
    UT_hash_handle hh;
    uint64_t desired_version, applied_version;
    bool attached;
    char *reason;
    uint32_t round; /* of the last look that found the port */
    char id[];
};

/* Of a dead node whose ports this one marks. */
struct grave {
    UT_hash_handle hh;
    char host[];
};

struct df_self {
    char *host;
    Df__Chassis *chassis;
    df_self_post post;
    void (*bury)(void *arg, const char *host);
    void (*spare)(void *arg, const char *host);
    void *arg;
    struct posted *ports;
    struct grave *graves;
    uint32_t round;
    uint64_t looked_ms;
    int64_t next_ms;
    bool open; /* the database is there */
};

struct df_self *df_self_new(const struct df_self_config *config)
{
    struct df_self *self = df_alloc(sizeof(*self));
    self->host = df_strdup(config->host);
    self->post = config->post;
    self->bury = config->bury;
    self->spare = config->spare;
    self->arg = config->arg;
    self->next_ms = -1;
    self->chassis = (Df__Chassis *)df_message_copy(&config->chassis->base);
    return self;
}

static void posted_free(struct df_self *self, struct posted *posted)
{
    HASH_DEL(self->ports, posted);
    free(posted->reason);
    free(posted);
}

static void grave_free(struct df_self *self, struct grave *grave)
{
    HASH_DEL(self->graves, grave);
    free(grave);
}

static void forget_posted(struct df_self *self)
{
    struct posted *posted, *next;
    HASH_ITER(hh, self->ports, posted, next) {
        posted_free(self, posted);
    }
}

void df_self_free(struct df_self *self)
{
    struct grave *grave, *next;
    if (!self)
        return;
    forget_posted(self);
    HASH_ITER(hh, self->graves, grave, next) {
        grave_free(self, grave);
    }
    if (self->chassis)
        df__chassis__free_unpacked(self->chassis, NULL);
    free(self->host);
    free(self);
}

/* ---- The node */

static void post_chassis(struct df_self *self)
{
    if (self->open && self->chassis)
        self->post(self->arg, DF_NB_CHASSIS, self->host, &self->chassis->base);
}

/* Once, not again and again: liveness is the lease. The time says when this process began. */
static void post_service(struct df_self *self)
{
    char id[128];
    Df__Service service = DF__SERVICE__INIT;
    snprintf(id, sizeof(id), "%s-%s", DF_LIVENESS_BINARY, self->host);
    service.id = id;
    service.chassis = self->host;
    service.binary = (char *)DF_LIVENESS_BINARY;
    service.has_last_seen_up = true;
    service.last_seen_up = (uint64_t)time(NULL);
    self->post(self->arg, DF_NB_SERVICE, id, &service.base);
}

void df_self_set_chassis(struct df_self *self, const Df__Chassis *chassis)
{
    if (self->chassis && df_message_equal(&self->chassis->base, &chassis->base))
        return;
    if (self->chassis)
        df__chassis__free_unpacked(self->chassis, NULL);
    self->chassis = (Df__Chassis *)df_message_copy(&chassis->base);
    post_chassis(self);
}

void df_self_repeat(struct df_self *self)
{
    self->open = true;
    post_chassis(self);
    post_service(self);
    forget_posted(self);
    self->looked_ms = 0;
    self->next_ms = 0;
}

/* ---- Its ports */

static void post_status(struct df_self *self, const struct df_local_port_info *info)
{
    Df__PortStatus status = DF__PORT_STATUS__INIT;
    status.id = (char *)info->id;
    status.lport = (char *)info->id;
    status.chassis = self->host;
    status.has_desired_version = status.has_applied_version = status.has_attached = true;
    status.desired_version = info->desired_version;
    status.applied_version = info->applied_version;
    status.attached = info->attached;
    status.reason = (char *)info->reason;
    self->post(self->arg, DF_NB_PORT_STATUS, info->id, &status.base);
}

static bool is_posted(const struct posted *posted, const struct df_local_port_info *info)
{
    return posted->reason && posted->desired_version == info->desired_version &&
           posted->applied_version == info->applied_version && posted->attached == info->attached &&
           strcmp(posted->reason, info->reason) == 0;
}

static struct posted *want(struct df_self *self, const char *id)
{
    struct posted *posted;
    HASH_FIND_STR(self->ports, id, posted);
    if (posted)
        return posted;
    size_t len = strlen(id) + 1;
    posted = df_alloc(sizeof(*posted) + len);
    memcpy(posted->id, id, len);
    HASH_ADD_STR(self->ports, id, posted);
    return posted;
}

static int look_at(const struct df_local_port_info *info, void *arg)
{
    struct df_self *self = arg;
    struct posted *posted = want(self, info->id);
    posted->round = self->round;
    if (is_posted(posted, info))
        return 0;
    posted->desired_version = info->desired_version;
    posted->applied_version = info->applied_version;
    posted->attached = info->attached;
    free(posted->reason);
    posted->reason = df_strdup(info->reason);
    post_status(self, info);
    return 0;
}

static void withdraw_gone(struct df_self *self)
{
    struct posted *posted, *next;
    HASH_ITER(hh, self->ports, posted, next) {
        if (posted->round == self->round)
            continue;
        self->post(self->arg, DF_NB_PORT_STATUS, posted->id, NULL);
        posted_free(self, posted);
    }
}

void df_self_settle(struct df_self *self, struct df_local_ports *ports, uint64_t now_ms)
{
    if (!self->open)
        return;
    if (self->looked_ms && now_ms < self->looked_ms + PAUSE_MS) {
        self->next_ms = (int64_t)(self->looked_ms + PAUSE_MS);
        return;
    }
    self->looked_ms = now_ms;
    self->next_ms = -1;
    self->round++;
    df_local_ports_each(ports, look_at, self);
    withdraw_gone(self);
}

void df_self_hear(struct df_self *self, const Df__PortStatus *status)
{
    struct posted *posted;
    HASH_FIND_STR(self->ports, status->id, posted);
    if (!posted || !posted->reason || !status->chassis || strcmp(status->chassis, self->host) != 0 ||
        is_posted(posted, &(struct df_local_port_info){.desired_version = status->desired_version,
                                                       .applied_version = status->applied_version,
                                                       .attached = status->attached,
                                                       .reason = status->reason ? status->reason : ""}))
        return;
    free(posted->reason);
    posted->reason = NULL;
}

/* ---- Other nodes */

struct burial {
    struct df_self *self;
    const struct df_liveness *liveness;
};

static bool is_to_bury(struct burial *burial, const struct df_object *chassis)
{
    return chassis->dead && df_liveness_is_undertaker(burial->liveness, chassis->id);
}

static void bury(struct df_object *chassis, void *arg)
{
    struct burial *burial = arg;
    struct df_self *self = burial->self;
    struct grave *grave;
    HASH_FIND_STR(self->graves, chassis->id, grave);
    if (grave || !is_to_bury(burial, chassis))
        return;
    size_t len = strlen(chassis->id) + 1;
    grave = df_alloc(sizeof(*grave) + len);
    memcpy(grave->host, chassis->id, len);
    HASH_ADD_STR(self->graves, host, grave);
    self->bury(self->arg, grave->host);
}

void df_self_bury(struct df_self *self, struct df_store *store, const struct df_liveness *liveness)
{
    struct burial burial = {self, liveness};
    struct grave *grave, *next;
    HASH_ITER(hh, self->graves, grave, next) {
        const struct df_object *chassis = df_store_find(store, DF_NB_CHASSIS, grave->host);
        if (chassis && is_to_bury(&burial, chassis))
            continue;
        self->spare(self->arg, grave->host);
        grave_free(self, grave);
    }
    if (self->open)
        df_store_each(store, DF_NB_CHASSIS, bury, &burial);
}

int64_t df_self_next_ms(const struct df_self *self)
{
    return self->next_ms;
}
