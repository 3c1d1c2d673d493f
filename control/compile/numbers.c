/* SPDX-License-Identifier: Apache-2.0 */
#include "control/compile/numbers.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "control/model/alloc.h"

struct numbered {
    UT_hash_handle hh;
    struct df_numbered what;
    uint32_t number;
    char key[]; /* table, id and part, each string with its end */
};

struct df_numbers {
    struct numbered *by_key;
    struct numbered **by_number; /* [0] is number 1 */
    uint32_t n, room;
};

struct df_numbers *df_numbers_new(void)
{
    return df_alloc(sizeof(struct df_numbers));
}

void df_numbers_free(struct df_numbers *numbers)
{
    if (!numbers)
        return;
    HASH_CLEAR(hh, numbers->by_key);
    for (uint32_t i = 0; i < numbers->n; i++)
        free(numbers->by_number[i]);
    free(numbers->by_number);
    free(numbers);
}

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

static void enter(struct df_numbers *numbers, struct numbered *made, size_t key_len)
{
    if (numbers->n == numbers->room) {
        numbers->room = numbers->room ? 2 * numbers->room : 64;
        numbers->by_number = df_realloc(numbers->by_number, numbers->room * sizeof(*numbers->by_number));
    }
    numbers->by_number[numbers->n++] = made;
    made->number = numbers->n;
    HASH_ADD_KEYPTR(hh, numbers->by_key, made->key, key_len, made);
}

uint32_t df_numbers_of(struct df_numbers *numbers, enum df_nb_table table, const char *id, const char *part)
{
    size_t key_len;
    struct numbered *found, *made = make(table, id, part, &key_len);
    HASH_FIND(hh, numbers->by_key, made->key, key_len, found);
    if (found) {
        free(made);
        return found->number;
    }
    enter(numbers, made, key_len);
    return made->number;
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
    return number > 0 && number <= numbers->n ? &numbers->by_number[number - 1]->what : NULL;
}
