/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "dbsync/error.h"

/*
 * Where the sockets of vhost-user and memif ports are: [df] vhost_sock_dir.
 *
 * Invariant: no name from a database leads out of this folder, so that who may write ports cannot have the daemon
 * connect to, or remove, a socket of somebody else. By name: what df_sock_dir_path() makes is the folder, a slash and
 * components none of which is "..". In the file system: df_sock_dir_check() finds no symbolic link below the folder;
 * the folder itself may be reached by one. Who may write into the folder can still swap a link in after the check.
 *
 * Control thread.
 */

struct df_sock_dir;

/** @param path of the folder, which need not be there; NULL or "": there is none, and every socket is refused */
struct df_sock_dir *df_sock_dir_new(const char *path);
void df_sock_dir_free(struct df_sock_dir *dir);

/** Is an interface of this type a socket? */
bool df_sock_dir_is_for(const char *vif_type);

/**
 * The path of a socket that the model names: below the folder if the name is relative, else the same path if it leads
 * into the folder. One socket has one path, however it is named.
 *
 * @return 0, -EINVAL (error has the remedy)
 */
int df_sock_dir_path(const struct df_sock_dir *dir, const char *name, char *path, size_t size, struct df_error *error);

/**
 * Looks at the file system, right before a socket of that path is opened.
 *
 * @return 0, -ELOOP (a symbolic link is on the way), -ENOENT (a folder below ours is missing), or what the system said
 */
int df_sock_dir_check(const struct df_sock_dir *dir, const char *path, struct df_error *error);
