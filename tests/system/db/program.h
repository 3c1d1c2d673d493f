/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The main() of a program of tests that need a server: `PROGRAM KIND [CRITERION'S OPTIONS]`. It makes namespaces for
 * itself, starts the server, runs the tests one after the other, and ends everything.
 */
int program_main(int argc, char **argv);

/** The same for tests of what happens when who leads is replaced: a server does that as soon as it can. */
int program_main_of_elections(int argc, char **argv);
