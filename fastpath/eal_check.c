/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/eal_check.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HUGEPAGES "/sys/kernel/mm/hugepages"

bool df_eal_cpu_usable(unsigned cpu)
{
    cpu_set_t before, wanted;
    if (cpu >= CPU_SETSIZE || sched_getaffinity(0, sizeof(before), &before) != 0)
        return false;
    CPU_ZERO(&wanted);
    CPU_SET(cpu, &wanted);
    bool usable = sched_setaffinity(0, sizeof(wanted), &wanted) == 0;
    sched_setaffinity(0, sizeof(before), &before);
    return usable;
}

static void print_cpus(const cpu_set_t *cpus, char *list, size_t size)
{
    size_t used = 0;
    list[0] = '\0';
    for (int first = 0; first < CPU_SETSIZE && used < size; first++) {
        if (!CPU_ISSET(first, cpus))
            continue;
        int last = first;
        while (last + 1 < CPU_SETSIZE && CPU_ISSET(last + 1, cpus))
            last++;
        const char *comma = used ? "," : "";
        int len = first == last ? snprintf(list + used, size - used, "%s%d", comma, first)
                                : snprintf(list + used, size - used, "%s%d-%d", comma, first, last);
        used += (size_t)len;
        first = last;
    }
}

void df_eal_other_cpus(const unsigned *workers, unsigned n_workers, char *list, size_t size)
{
    cpu_set_t all, others;
    if (sched_getaffinity(0, sizeof(all), &all) != 0) {
        CPU_ZERO(&all);
        CPU_SET(0, &all);
    }
    others = all;
    for (unsigned i = 0; i < n_workers; i++)
        CPU_CLR(workers[i], &others);
    print_cpus(CPU_COUNT(&others) ? &others : &all, list, size);
}

static uint64_t free_pages(const char *folder)
{
    char path[PATH_MAX], line[32] = "";
    snprintf(path, sizeof(path), HUGEPAGES "/%s/free_hugepages", folder);
    FILE *file = fopen(path, "re");
    if (!file)
        return 0;
    if (!fgets(line, sizeof(line), file))
        line[0] = '\0';
    fclose(file);
    return strtoull(line, NULL, 10);
}

uint64_t df_eal_hugepage_bytes(void)
{
    static const char prefix[] = "hugepages-"; /* and "2048kB" */
    uint64_t bytes = 0;
    DIR *dir = opendir(HUGEPAGES);
    if (!dir)
        return 0;
    for (const struct dirent *entry; (entry = readdir(dir));)
        if (strncmp(entry->d_name, prefix, sizeof(prefix) - 1) == 0)
            bytes += free_pages(entry->d_name) * strtoull(entry->d_name + sizeof(prefix) - 1, NULL, 10) * 1024;
    closedir(dir);
    return bytes;
}

bool df_eal_plugin_usable(const char *path, char *why, size_t size)
{
    char real[PATH_MAX];
    struct stat st;
    if (!realpath(path, real)) {
        snprintf(why, size, "plug-in %s: %s", path, strerror(errno));
        return false;
    }
    for (char *slash = real + strlen(real); slash; slash = strrchr(real, '/')) {
        *slash = '\0';
        if (real[0] && stat(real, &st) == 0 && st.st_mode & S_IWOTH) {
            snprintf(why, size, "plug-in %s: %s can be written by everybody", path, real);
            return false;
        }
    }
    return true;
}
