/* SPDX-License-Identifier: Apache-2.0 */

/* A shared object that is something else. */
extern const int df_not_an_app;
const int df_not_an_app = 1;
