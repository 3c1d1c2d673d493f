/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "control/model/store.h"

/*
 * The part of relevance that is about groups, inside compile/: the rules of which secgroups this node needs, and whose
 * members.
 *
 * Invariants:
 * - df_object.local_ports of a secgroup is how often ports that are bound here, with port security on, have it; its
 *   rules are needed while that is not 0.
 * - df_object.remote_of of a secgroup or address_group is how many rules of needed secgroups name it as remote; its
 *   members are needed while that is not 0.
 * - Who asked about either is due whenever the answer changed.
 *
 * Both are counted as changes come, so a change costs what it has in it: nothing is searched.
 */

/** A port that is bound here, with port security on, comes (by 1) or goes (by -1). */
void df_groups_count_port(struct df_store *store, const Df__LogicalPort *lport, int by);

/** Before a secgroup changes; either may be NULL. */
void df_groups_rules_change(struct df_store *store, const Df__SecurityGroup *old, const Df__SecurityGroup *new);

/** All counts are 0 again, to be counted anew; then objects that nothing counts any more go. */
void df_groups_forget(struct df_store *store);
void df_groups_trim(struct df_store *store);
