/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The names of a guest's interface come from a database and end up in device arguments and in system calls. Only names
 * that mean nothing but themselves there pass: no separator of device arguments, no blank, no way up a path.
 */

/**
 * A network device: letters, digits, '.', '_' and '-', not first a '-' or '.', shorter than IFNAMSIZ.
 *
 * @return 0, or -EINVAL (NULL, too)
 */
int df_vif_name_check_device(const char *name);

/**
 * A unix socket: an absolute path of letters, digits and "/._-+@:~" to a file, without ".." in it, that fits sun_path.
 *
 * @return 0, or -EINVAL (NULL, too)
 */
int df_vif_name_check_socket(const char *path);
