/* SPDX-License-Identifier: Apache-2.0 */
#include "control/compile/numbers.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>
#include <utlist.h>

#include "control/model/alloc.h"
#include "fastpath/rcu.h"

struct numbered {
    UT_hash_handle hh;
    struct numbered *prev, *next; /* in that list of those that nobody holds */
    struct numbered **list;       /* NULL: somebody holds it */
    struct df_numbers *numbers;
    struct df_numbered what;
    uint32_t number, holds;
    char key[]; /* table, id and part, each string with its end */
};

/* A grace period that is waited for. It may outlast the list, so the second one to let go of it frees it. */
struct grace {
    struct rcu_head rcu;
    atomic_bool left; /* by the list, or by RCU */
};

struct df_numbers {
    struct numbered *by_key;
    struct numbered **by_number; /* [0] is number 1; NULL: it is free */
    uint32_t n, room;
    uint32_t *free_number; /* room of them */
    uint32_t n_free;
    struct numbered *unheld;  /* the datapath may have entries with them */
    struct numbered *waiting; /* for the grace period */
    struct grace *grace;      /* NULL: none is waited for */
};

struct df_numbers *df_numbers_new(void)
{
    return df_alloc(sizeof(struct df_numbers));
}

/* ---- What is free again */

static void grace_leave(struct grace *grace)
{
    if (atomic_exchange(&grace->left, true))
        free(grace);
}

static void grace_ended(struct rcu_head *head)
{
    grace_leave(caa_container_of(head, struct grace, rcu));
}

static void release(struct df_numbers *numbers, struct numbered *one)
{
    numbers->by_number[one->number - 1] = NULL;
    numbers->free_number[numbers->n_free++] = one->number;
    HASH_DEL(numbers->by_key, one);
    free(one);
}

/* If the grace period is over, what waited for it is free. Is there none to wait for? */
static bool collect(struct df_numbers *numbers)
{
    struct numbered *one, *next;
    if (!numbers->grace)
        return true;
    if (!atomic_load(&numbers->grace->left))
        return false;
    grace_leave(numbers->grace);
    numbers->grace = NULL;
    DL_FOREACH_SAFE(numbers->waiting, one, next)
        release(numbers, one);
    numbers->waiting = NULL;
    return true;
}

void df_numbers_settled(struct df_numbers *numbers)
{
    struct numbered *one;
    if (!collect(numbers) || !numbers->unheld)
        return;
    numbers->waiting = numbers->unheld;
    numbers->unheld = NULL;
    DL_FOREACH(numbers->waiting, one)
        one->list = &numbers->waiting;
    numbers->grace = df_alloc(sizeof(*numbers->grace));
    df_rcu_call(&numbers->grace->rcu, grace_ended);
}

void df_numbers_free(struct df_numbers *numbers)
{
    if (!numbers)
        return;
    if (numbers->grace)
        grace_leave(numbers->grace);
    HASH_CLEAR(hh, numbers->by_key);
    for (uint32_t i = 0; i < numbers->n; i++)
        free(numbers->by_number[i]);
    free(numbers->by_number);
    free(numbers->free_number);
    free(numbers);
}

/* ---- Holding */

static void add_hold(struct df_number_holds *holds, struct numbered *one)
{
    if (holds->n == holds->room) {
        holds->room = holds->room ? 2 * holds->room : 2;
        holds->of = df_realloc(holds->of, holds->room * sizeof(*holds->of));
    }
    holds->of[holds->n++] = one;
    one->holds++;
    if (!one->list)
        return;
    DL_DELETE(*one->list, one);
    one->list = NULL;
}

void df_number_holds_drop(struct df_number_holds *holds)
{
    for (uint32_t i = 0; i < holds->n; i++) {
        struct numbered *one = holds->of[i];
        if (--one->holds != 0)
            continue;
        one->list = &one->numbers->unheld;
        DL_APPEND(one->numbers->unheld, one);
    }
    free(holds->of);
    *holds = (struct df_number_holds){0};
}

/* ---- Numbers and what they stand for */

/* Not yet in the list; the caller frees it or enters it. */
static struct numbered *make(enum df_nb_table table, const char *id, const char *part, size_t *key_len)
{
    size_t id_size = strlen(id) + 1;
    size_t part_size = strlen(part) + 1;
    *key_len = 1 + id_size + part_size;
    struct numbered *made = df_alloc(sizeof(*made) + *key_len);
    made->key[0] = (char)table;
    memcpy(made->key + 1, id, id_size);
    memcpy(made->key + 1 + id_size, part, part_size);
    made->what = (struct df_numbered){.table = table, .id = made->key + 1, .part = made->key + 1 + id_size};
    return made;
}

static uint32_t number_give(struct df_numbers *numbers)
{
    if (numbers->n_free)
        return numbers->free_number[--numbers->n_free];
    if (numbers->n == numbers->room) {
        numbers->room = numbers->room ? 2 * numbers->room : 64;
        numbers->by_number = df_realloc(numbers->by_number, numbers->room * sizeof(*numbers->by_number));
        numbers->free_number = df_realloc(numbers->free_number, numbers->room * sizeof(*numbers->free_number));
    }
    return ++numbers->n;
}

static void enter(struct df_numbers *numbers, struct numbered *made, size_t key_len)
{
    made->numbers = numbers;
    made->number = number_give(numbers);
    numbers->by_number[made->number - 1] = made;
    HASH_ADD_KEYPTR(hh, numbers->by_key, made->key, key_len, made);
}

uint32_t df_numbers_hold(struct df_numbers *numbers, struct df_number_holds *holds, enum df_nb_table table,
                         const char *id, const char *part)
{
    size_t key_len;
    struct numbered *found, *made = make(table, id, part, &key_len);
    HASH_FIND(hh, numbers->by_key, made->key, key_len, found);
    if (found) {
        free(made);
    } else {
        found = made;
        enter(numbers, made, key_len);
    }
    add_hold(holds, found);
    return found->number;
}

uint32_t df_numbers_find(const struct df_numbers *numbers, enum df_nb_table table, const char *id, const char *part)
{
    size_t key_len;
    struct numbered *found, *wanted = make(table, id, part, &key_len);
    HASH_FIND(hh, numbers->by_key, wanted->key, key_len, found);
    free(wanted);
    return found ? found->number : 0;
}

const struct df_numbered *df_numbers_name(const struct df_numbers *numbers, uint32_t number)
{
    const struct numbered *one = number > 0 && number <= numbers->n ? numbers->by_number[number - 1] : NULL;
    return one ? &one->what : NULL;
}
