/* SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/daemon/build_info.h"
#include "control/daemon/config.h"
#include "control/daemon/daemon.h"

static const char usage[] = "Usage: df-switchd [OPTION]...\n"
                            "The local controller and switch of Distributed Dragonflow.\n"
                            "\n"
                            "  -c, --config FILE   read FILE instead of " DF_CONFIG_PATH "\n"
                            "  -C, --check         check the configuration file and end\n"
                            "      --print-config  print every key with its default and end\n"
                            "  -v, --verbose       log as with log_level = debug\n"
                            "  -V, --version       print the version and end\n"
                            "  -h, --help          print this and end\n"
                            "\n"
                            "Without --config, a missing " DF_CONFIG_PATH " means: all defaults.\n";

enum { OPTION_PRINT_CONFIG = 256 };

static const struct option options[] = {
    {"config", required_argument, NULL, 'c'},
    {"check", no_argument, NULL, 'C'},
    {"print-config", no_argument, NULL, OPTION_PRINT_CONFIG},
    {"verbose", no_argument, NULL, 'v'},
    {"version", no_argument, NULL, 'V'},
    {"help", no_argument, NULL, 'h'},
    {0},
};

static int check(const char *path)
{
    struct df_config *config;
    struct df_error error;
    if (df_config_load(path, &config, &error) != 0) {
        fprintf(stderr, "df-switchd: %s\n", error.text);
        return EXIT_FAILURE;
    }
    df_config_free(config);
    puts("The configuration is good; keys of apps are checked when the apps are loaded.");
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    struct df_daemon_options daemon = {.config_path = access(DF_CONFIG_PATH, F_OK) == 0 ? DF_CONFIG_PATH : NULL};
    bool only_check = false;
    int option;
    while ((option = getopt_long(argc, argv, "c:CvVh", options, NULL)) != -1) {
        switch (option) {
        case 'c':
            daemon.config_path = optarg;
            break;
        case 'C':
            only_check = true;
            break;
        case OPTION_PRINT_CONFIG:
            df_config_print(stdout);
            return EXIT_SUCCESS;
        case 'v':
            daemon.log_level = DF_LOG_DEBUG;
            break;
        case 'V':
            puts("df-switchd " DF_VERSION);
            return EXIT_SUCCESS;
        case 'h':
            fputs(usage, stdout);
            return EXIT_SUCCESS;
        default:
            fputs("Try df-switchd --help.\n", stderr);
            return 2;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "df-switchd: %s: there are no arguments beside options; try df-switchd --help\n", argv[optind]);
        return 2;
    }
    return only_check ? check(daemon.config_path) : df_daemon_run(&daemon);
}
