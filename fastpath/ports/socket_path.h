/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A path to listen on. What a dead process left behind is removed; what somebody listens on, or what is not a socket of
 * ours, is never touched.
 */

/**
 * Makes sure that bind() to path can succeed. Control thread.
 *
 * @return 0, -EADDRINUSE (somebody listens there, or it is not a socket, or of another user), -EACCES (the folder is
 *         not writable), -ENOENT (there is no such folder)
 */
int df_socket_path_prepare(const char *path);
